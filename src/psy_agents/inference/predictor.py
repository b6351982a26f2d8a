"""A saved agent at work: posts in, decisions and evidence out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from psy_agents.agents.decoding import decode_with_scores
from psy_agents.agents.encoders.loading import max_positions
from psy_agents.agents.model import AgentModel
from psy_agents.agents.saved.agent_folder import Decisions, Reading, load_agent
from psy_agents.agents.saved.ensemble import is_ensemble, read_ensemble
from psy_agents.agents.windows import Windows
from psy_agents.errors import UserError
from psy_agents.training.data import PairData, tokenise, tokenise_sentences, unlabelled
from psy_agents.training.scoring import Answers, answer

ScoredSpan = tuple[int, int, float]


@dataclass(frozen=True)
class Prediction:
    """What an agent says of one post and one criterion.

    Attributes:
        probability: that the criterion is met, calibrated; None of the evidence agent.
        met: the decision at the criterion's frozen threshold; of the evidence agent, whether there is evidence.
        evidence: character start, end and score of each span (`DecodingRule`); None of the criteria agent.
    """

    probability: float | None
    met: bool
    evidence: list[ScoredSpan] | None


@dataclass(frozen=True)
class PairPredictions:
    """The same of many pairs: arrays over the pairs, and a list of spans for each; None where not predicted.

    Attributes:
        uncalibrated: the probabilities before any calibration; of several agents their mean.
        thresholds: those that decide.
    """

    probabilities: np.ndarray | None
    uncalibrated: np.ndarray | None
    thresholds: np.ndarray | None
    met: np.ndarray
    evidence: list[list[ScoredSpan]] | None


class Predictor:
    """An agent as `save_agent` wrote it, or several as `save_ensemble` did, on the best device that is there.

    The same posts, asked for together, give the same numbers to the last bit on the same kind of machine.

    Of several agents the calibrated probabilities are averaged: each says what it takes to be likely on the same scale, so
    that one that is too sure of itself does not decide alone. A mean of calibrated probabilities is too cautious (Rahaman and
    Thiery, "Uncertainty quantification and deep ensembles", NeurIPS 2021), so it has a temperature of its own.

    Attributes:
        name: criteria, evidence, share or joint. criteria: id -> text, as trained.
        decisions: on the answer that is given, of one agent or of all together.
    """

    def __init__(self, folder: Path, device: str | None = None) -> None:
        on = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        several = is_ensemble(folder)
        folders, decisions = read_ensemble(folder) if several else ([folder], None)
        self._members = [_Member(each, on) for each in folders]
        first = self._members[0]
        if any((each.name, each.criteria) != (first.name, first.criteria) for each in self._members):
            raise UserError(f"'{folder}' holds agents of different kinds or criteria: it was changed.")
        self._several = several
        self.decisions = decisions if several else first.decisions
        self.name, self.criteria = first.name, first.criteria

    def predict(self, texts: Sequence[str]) -> list[dict[str, Prediction]]:
        """One mapping for each text: criterion id -> prediction."""
        if not texts:
            return []
        n, found = len(self.criteria), self.predict_pairs(unlabelled(self.criteria, texts))
        probabilities = [None] * len(found.met) if found.probabilities is None else found.probabilities.tolist()
        evidence = [None] * len(found.met) if found.evidence is None else found.evidence
        every = [Prediction(*each) for each in zip(probabilities, found.met.tolist(), evidence, strict=True)]
        return [dict(zip(self.criteria, every[i : i + n], strict=True)) for i in range(0, len(every), n)]

    def predict_pairs(self, data: PairData) -> PairPredictions:
        """Predictions of the pairs, in their order; their labels are not looked at."""
        decisions, raw = self.decisions, [member.answers(data) for member in self._members]
        if self._several:
            together = average(raw, [member.decisions for member in self._members])
        else:
            (together,) = raw
        answers, evidence = together.calibrated(decisions.temperature, decisions.shift), None
        if answers.candidates is not None:
            evidence = decode_with_scores(answers.candidates, decisions.rule, len(data), answers.criterion_logits_P)
        if answers.probabilities_P is None:
            met = np.array([len(found) > 0 for found in evidence], dtype=bool)
            return PairPredictions(None, None, None, met, evidence)
        thresholds = decisions.thresholds_of(data.criteria)[data.criterion]
        met = answers.probabilities_P >= thresholds
        uncalibrated = np.mean([each.probabilities_P for each in raw], axis=0)
        return PairPredictions(answers.probabilities_P, uncalibrated, thresholds, met, evidence)


def average(answers: Sequence[Answers], decisions: Sequence[Decisions]) -> Answers:
    """The members' common answer, from the uncalibrated ones and what was chosen for each member alone."""
    return Answers.averaged([each.calibrated(own.temperature, own.shift) for each, own in zip(answers, decisions, strict=True)])


class _Member:
    """One saved agent on a device."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        agent, self._tokenizer, self.decisions, description = load_agent(folder)
        self.name: str = description["agent"]
        self.criteria: dict[str, str] = description["criteria"]
        self._reading = Reading(**description["reading"])
        self._agent, self._device = agent.to(device), device
        precision = getattr(torch, self._reading.precision)
        self._agent.pack_where_possible(device, precision)
        self._agent.shorten_where_possible(device, precision)

    def answers(self, data: PairData) -> Answers:
        """Its uncalibrated answers."""
        windows = windows_of(self._agent, self._tokenizer, self._reading, data)
        return answer(
            self._agent,
            windows,
            pad_id=self._tokenizer.pad_token_id,
            budget=self._reading.evaluation_tokens,
            device=self._device,
            precision=getattr(torch, self._reading.precision),
        )


def windows_of(agent: AgentModel, tokenizer: Any, reading: Reading, data: PairData) -> Windows:
    """The pairs as a saved agent reads them."""
    cut = tokenise_sentences if reading.unit == "sentence" else tokenise
    return cut(
        tokenizer,
        data,
        max_length=agent.config.max_length,
        overlap=agent.config.window_overlap,
        positions=max_positions(agent.encoders[0]),
    )
