"""An agent's raw answers on a split, and their metrics. P: pairs, B: windows, T: tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from psy_agents.agents.decoding import Candidates, TokenOffsets, choose_rule, decode, window_candidates
from psy_agents.agents.model import AgentModel
from psy_agents.agents.saved.agent import Decisions
from psy_agents.agents.saved.averaging import average_candidates
from psy_agents.agents.window_pooling import pool_windows
from psy_agents.agents.windows import Windows
from psy_agents.evaluation.calibration import CalibrationMethod, calibrate, fit_calibration, log_odds
from psy_agents.evaluation.classification import classification_metrics
from psy_agents.evaluation.evidence import EvidenceScorer
from psy_agents.evaluation.metrics.registry import OBJECTIVES
from psy_agents.evaluation.spans import Offsets
from psy_agents.evaluation.thresholds import best_threshold, criterion_thresholds
from psy_agents.training.batches import padded_indices
from psy_agents.training.data import PairData
from psy_agents.training.step.batch_times import BatchTimes
from psy_agents.training.step.forward import CapturedForward, Forward
from psy_agents.training.step.tables import FrozenStates, WindowTables


@dataclass(frozen=True)
class Answers:
    """Raw answers, before any threshold: probabilities (P) and candidate spans; None for what is not predicted."""

    probabilities_P: np.ndarray | None
    candidates: Candidates | None

    @property
    def criterion_logits_P(self) -> np.ndarray | None:
        """Log odds of the probabilities."""
        return None if self.probabilities_P is None else log_odds(self.probabilities_P)

    def are_numbers(self) -> bool:
        """False if a probability or a span's margin is not a number."""
        arrays = [] if self.probabilities_P is None else [self.probabilities_P]
        arrays += [] if self.candidates is None else [self.candidates.margin]
        return not any(np.isnan(array).any() for array in arrays)

    def calibrated(self, temperature: float, shift: float) -> Answers:
        """The answers with calibrated probabilities; answers without probabilities do not change."""
        if self.probabilities_P is None:
            return self
        return replace(self, probabilities_P=calibrate(self.probabilities_P, temperature, shift))

    @classmethod
    def averaged(cls, members: Sequence[Answers]) -> Answers:
        """The mean of the members' probabilities, and their spans averaged by `average_candidates`."""
        first = members[0]
        return cls(
            None if first.probabilities_P is None else np.mean([each.probabilities_P for each in members], axis=0),
            None if first.candidates is None else average_candidates([each.candidates for each in members]),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Answers], sizes: Sequence[int]) -> Answers:
        """The answers to the pairs of several parts, one part after another.

        Args:
            sizes: number of pairs of each part.
        """
        first = parts[0]
        begins = np.cumsum([0, *sizes[:-1]])
        return cls(
            None if first.probabilities_P is None else np.concatenate([part.probabilities_P for part in parts]),
            None if first.candidates is None else Candidates.concatenate(
                [replace(part.candidates, pair=part.candidates.pair + begin) for part, begin in zip(parts, begins, strict=True)]
            ),
        )  # fmt: skip

    def save(self, file: Path) -> None:
        """Write the arrays as a compressed ``.npz``; they hold no text. No number loses a bit."""
        arrays = {} if self.probabilities_P is None else {"probabilities": self.probabilities_P}
        if self.candidates is not None:
            arrays |= {f"candidate_{name}": _narrow(array) for name, array in vars(self.candidates).items()}
        np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, file: Path) -> Answers:
        """Read the arrays that `save` wrote."""
        with np.load(file, allow_pickle=False) as arrays:
            found = {name.removeprefix("candidate_"): _wide(arrays[name]) for name in arrays.files if name.startswith("candidate_")}
            return cls(arrays["probabilities"] if "probabilities" in arrays.files else None, Candidates(**found) if found else None)


def _narrow(array: np.ndarray) -> np.ndarray:
    """Whole numbers in 32 bits: pairs, offsets and lengths are far smaller than 2 to the power of 31."""
    return array.astype(np.int32) if array.dtype == np.int64 else array


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.int64) if array.dtype == np.int32 else array


def answer(
    agent: AgentModel, tables: WindowTables, *, budget: int, precision: torch.dtype, frozen: FrozenStates | None = None
) -> Answers:
    """Run the agent over all windows in evaluation mode.

    Args:
        budget: padded tokens in a batch.
        frozen: all windows' states after frozen layers.
    """
    return answers_of(agent, tables.windows, Forward(agent, tables, budget, precision, frozen))


def answers_of(
    agent: AgentModel, windows: Windows, forward: Forward | CapturedForward, times: BatchTimes | None = None
) -> Answers:
    """Run the agent over all windows in evaluation mode, in the batches of ``forward``; ``times`` takes the seconds of each."""
    agent.eval()
    logits, candidates = np.zeros(len(windows.pair), dtype=np.float32), []
    for chosen in forward.batches() if times is None else times.of(forward.batches()):
        output = forward(chosen)
        if output.criterion_B is not None:
            logits[chosen] = output.criterion_B.cpu().numpy()
        if output.start_BT is not None:
            candidates.append(window_candidates(output.start_BT, output.end_BT, _token_offsets(windows, chosen), windows.pair[chosen]))
    probabilities = None
    if agent.spec.predicts_criterion:
        pooled = pool_windows(
            torch.from_numpy(logits), torch.from_numpy(windows.pair), windows.n_pairs, agent.config.window_pooling
        )
        probabilities = pooled.double().sigmoid().numpy()
    return Answers(probabilities, Candidates.concatenate(candidates) if candidates else None)


def _token_offsets(windows: Windows, chosen: np.ndarray) -> TokenOffsets:
    mask, at = padded_indices(windows, chosen)
    arrays = (windows.starts, windows.ends, windows.sentence_starts, windows.sentence_ends)
    return TokenOffsets(*(np.where(mask, array[at], -1) for array in arrays))


def choose_decisions(
    data: PairData,
    answers: Answers,
    span_lengths: Sequence[int],
    *,
    calibration: CalibrationMethod,
    min_support: int | None,
    weights_P: np.ndarray | None = None,
) -> Decisions:
    """Choose calibration, thresholds and decoding rule from answers to pairs; a pair may stand there several times.

    Args:
        data, answers: each answer with its own pair.
        span_lengths: lengths of training spans in tokens; the maximum span length is chosen from them.
        calibration: calibration of probabilities; thresholds and rule are chosen on calibrated probabilities.
        min_support: positive pairs that a criterion needs to get a separate threshold; None: no criterion gets one.
        weights_P: weight of each answer; those of a pair that stands there several times sum to 1. None: each pair stands there once.
    """
    chosen: dict = {}
    if answers.probabilities_P is not None:
        temperature, shift = fit_calibration(calibration, data.labels, answers.probabilities_P, weights_P)
        chosen |= {"temperature": temperature, "shift": shift}
        answers = answers.calibrated(temperature, shift)
        pairs = data.labels, answers.probabilities_P, data.criterion
        chosen["threshold"] = best_threshold(*pairs, weights_P)
        if min_support is not None:
            ids, found = list(data.criteria), criterion_thresholds(*pairs, min_support, weights_P)
            chosen["thresholds"] = {ids[i]: threshold for i, threshold in found.items()}
    if answers.candidates is not None:
        known, weights_P = answers.candidates.of_pairs(data.known), data.known * (1.0 if weights_P is None else weights_P)
        chosen["rule"] = choose_rule(known, data.spans, data.texts, span_lengths, answers.criterion_logits_P, weights_P)
    return Decisions(**chosen)


class SplitScorer:
    """Scores answers on one split; gold labels and spans are prepared once.

    Args:
        span_lengths: lengths of training spans in tokens; the maximum span length is chosen from them.
        evidence_weight: weight of the evidence token-F1 in the objective of agents that predict both.
    """

    def __init__(self, data: PairData, span_lengths: list[int], evidence_weight: float) -> None:
        self.data = data
        self.span_lengths = span_lengths
        self.evidence_weight = evidence_weight
        self._evidence = None

    @property
    def evidence(self) -> EvidenceScorer:
        """The scorer of evidence, prepared on first use."""
        if self._evidence is None:
            self._evidence = EvidenceScorer(self.data.texts, self.data.spans, self.data.known)
        return self._evidence

    def choose(self, answers: Answers) -> Decisions:
        """Choose the threshold and the decoding rule of one epoch on this split, without calibration."""
        return choose_decisions(self.data, answers, self.span_lengths, calibration="none", min_support=None)

    def predicted_spans(self, answers: Answers, decisions: Decisions) -> list[list[Offsets]]:
        """Decode every pair's evidence from calibrated answers."""
        return decode(answers.candidates, decisions.rule, len(self.data), answers.criterion_logits_P)

    def score(self, answers: Answers, decisions: Decisions) -> tuple[float, dict[str, float]]:
        """Return the objective and every metric of uncalibrated answers under the given decisions."""
        answers = answers.calibrated(decisions.temperature, decisions.shift)
        met = None
        if answers.probabilities_P is not None:
            met = answers.probabilities_P >= decisions.thresholds_of(self.data.criteria)[self.data.criterion]
        spans = None if answers.candidates is None else self.predicted_spans(answers, decisions)
        value, metrics = self.score_predictions(answers.probabilities_P, met, spans)
        if met is not None:
            metrics["threshold"] = decisions.threshold
        if spans is not None:
            metrics["no_answer_threshold"] = decisions.rule.threshold
        return value, metrics

    def score_predictions(
        self, probabilities_P: np.ndarray | None, met_P: np.ndarray | None, spans: list[list[Offsets]] | None
    ) -> tuple[float, dict[str, float]]:
        """Return the objective and every metric of decisions and spans; None for what is not predicted."""
        metrics: dict[str, float] = {}
        objectives = []
        if probabilities_P is not None:
            metrics |= classification_metrics(
                self.data.labels, probabilities_P, met_P, self.data.criterion, list(self.data.criteria)
            )
            objectives.append((1 - self.evidence_weight, metrics[OBJECTIVES["criteria"]]))
        if spans is not None:
            metrics |= self.evidence.score(spans)
            objectives.append((self.evidence_weight, metrics[OBJECTIVES["evidence"]]))
        if len(objectives) == 1:
            return objectives[0][1], metrics
        return sum(weight * value for weight, value in objectives), metrics
