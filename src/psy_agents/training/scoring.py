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
from psy_agents.training.batches import padded_indices, token_budget_batches, window_tensors
from psy_agents.training.data import PairData
from psy_agents.training.frozen_states import FrozenStates


@dataclass(frozen=True)
class Answers:
    """Raw answers, before any threshold: probabilities (P) and candidate spans; None for what is not predicted."""

    probabilities_P: np.ndarray | None
    candidates: Candidates | None

    @property
    def criterion_logits_P(self) -> np.ndarray | None:
        """Log odds of the probabilities."""
        return None if self.probabilities_P is None else log_odds(self.probabilities_P)

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

    def save(self, file: Path) -> None:
        """Write the arrays as ``.npz``; they hold no text."""
        arrays = {} if self.probabilities_P is None else {"probabilities": self.probabilities_P}
        if self.candidates is not None:
            arrays |= {f"candidate_{name}": array for name, array in vars(self.candidates).items()}
        np.savez(file, **arrays)

    @classmethod
    def load(cls, file: Path) -> Answers:
        """Read the arrays that `save` wrote."""
        with np.load(file, allow_pickle=False) as arrays:
            found = {name.removeprefix("candidate_"): arrays[name] for name in arrays.files if name.startswith("candidate_")}
            return cls(arrays["probabilities"] if "probabilities" in arrays.files else None, Candidates(**found) if found else None)


def answer(
    agent: AgentModel,
    windows: Windows,
    *,
    pad_id: int,
    budget: int,
    device: torch.device,
    precision: torch.dtype,
    frozen: FrozenStates | None = None,
) -> Answers:
    """Run the agent over all windows in evaluation mode; ``frozen`` are all windows' states after frozen layers."""
    agent.eval()
    logits, candidates = np.zeros(len(windows.pair), dtype=np.float32), []
    with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
        for chosen in token_budget_batches(windows.lengths, budget):
            frozen_BTH = None if frozen is None else frozen.take(windows, chosen)
            tensors = window_tensors(windows, chosen, pad_id, device, frozen_BTH)
            output = agent(tensors)
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

    def choose(self, *runs: Answers, calibration: CalibrationMethod = "none", min_support: int | None = None) -> Decisions:
        """Choose calibration, thresholds and decoding rule on this split, from the pooled answers of one or more runs.

        Args:
            calibration: calibration of probabilities; threshold and rule are chosen on calibrated probabilities.
            min_support: positive pairs that a criterion needs to get a separate threshold; None: no criterion gets one.
        """
        chosen, n = {}, len(runs)
        if runs[0].probabilities_P is not None:
            labels, criterion = np.tile(self.data.labels, n), np.tile(self.data.criterion, n)
            temperature, shift = fit_calibration(calibration, labels, np.concatenate([run.probabilities_P for run in runs]))
            chosen |= {"temperature": temperature, "shift": shift}
            runs = tuple(run.calibrated(temperature, shift) for run in runs)
            probabilities = np.concatenate([run.probabilities_P for run in runs])
            chosen["threshold"] = best_threshold(labels, probabilities, criterion)
            if min_support is not None:
                ids, found = list(self.data.criteria), criterion_thresholds(labels, probabilities, criterion, min_support, n)
                chosen["thresholds"] = {ids[i]: threshold for i, threshold in found.items()}
        if runs[0].candidates is not None:
            known = [run.candidates.of_pairs(self.data.known) for run in runs]
            together = Candidates.concatenate(
                [replace(candidates, pair=candidates.pair + i * len(self.data)) for i, candidates in enumerate(known)]
            )
            logits_P = None if runs[0].probabilities_P is None else np.concatenate([run.criterion_logits_P for run in runs])
            chosen["rule"] = choose_rule(together, self.data.spans * n, self.data.texts * n, self.span_lengths, logits_P)
        return Decisions(**chosen)

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
