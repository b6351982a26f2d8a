"""A saved agent at work: posts in, decisions and evidence out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from psy_agents.agents.decoding import decode_with_scores
from psy_agents.agents.encoder import max_positions
from psy_agents.agents.models import AgentModel
from psy_agents.agents.saving import Decisions, Reading, load_agent
from psy_agents.agents.windows import Windows
from psy_agents.training.data import PairData, tokenise, tokenise_sentences, unlabelled
from psy_agents.training.scoring import answer

ScoredSpan = tuple[int, int, float]


@dataclass(frozen=True)
class Prediction:
    """What an agent says of one post and one criterion.

    Attributes:
        probability: that the criterion is met; None of the evidence agent.
        met: the decision at the frozen threshold; of the evidence agent, whether there is evidence.
        evidence: character start, end and score of each span (`DecodingRule`); None of the criteria agent.
    """

    probability: float | None
    met: bool
    evidence: list[ScoredSpan] | None


@dataclass(frozen=True)
class PairPredictions:
    """The same of many pairs: arrays over the pairs, and a list of spans for each; None where not predicted."""

    probabilities: np.ndarray | None
    met: np.ndarray
    evidence: list[list[ScoredSpan]] | None


class Predictor:
    """An agent as `save_agent` wrote it, on the best device that is there.

    The same posts, asked for together, give the same numbers to the last bit on the same kind of machine.

    Attributes:
        name: criteria, evidence, share or joint. criteria: id -> text, as trained.
    """

    def __init__(self, folder: Path, device: str | None = None) -> None:
        self._agent, self._tokenizer, self.decisions, description = load_agent(folder)
        self.name: str = description["agent"]
        self.criteria: dict[str, str] = description["criteria"]
        self._reading = Reading(**description["reading"])
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._agent.to(self._device)

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
        decisions = self.decisions
        windows = windows_of(self._agent, self._tokenizer, self._reading, data)
        answers = answer(
            self._agent,
            windows,
            pad_id=self._tokenizer.pad_token_id,
            budget=self._reading.evaluation_tokens,
            device=self._device,
            precision=getattr(torch, self._reading.precision),
        )
        evidence = None
        if answers.candidates is not None:
            evidence = decode_with_scores(answers.candidates, decisions.rule, len(data), answers.criterion_logits_P)
        return PairPredictions(answers.probabilities_P, _met(answers.probabilities_P, evidence, decisions), evidence)


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


def _met(probabilities: np.ndarray | None, evidence: list[list[ScoredSpan]] | None, decisions: Decisions) -> np.ndarray:
    if probabilities is not None:
        return probabilities >= decisions.threshold
    return np.array([len(found) > 0 for found in evidence], dtype=bool)
