"""The first sentence of the post is the evidence of every criterion."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from psy_agents.baselines.sentences import candidates_of
from psy_agents.baselines.system import Answering, Baseline, System
from psy_agents.evaluation.spans import sentence_spans
from psy_agents.training.data import PairData
from psy_agents.training.scoring import Answers


class FirstSentence(System):
    """``first_sentence``."""

    baselines = (Baseline("first_sentence", "evidence", ("evidence",)),)
    chosen_on_validation = False

    def depends_on(self) -> Mapping[str, Any]:
        """Nothing else."""
        return {}

    def fit(self, train: PairData, setting: Hashable) -> Answering:
        """Learn nothing."""
        return _answers


def _answers(data: PairData) -> Answers:
    firsts = {text: sentence_spans(text)[:1] for text in set(data.texts)}
    found = [(pair, span) for pair, text in enumerate(data.texts) for span in firsts[text]]
    return Answers(None, candidates_of([pair for pair, _ in found], [span for _, span in found], np.ones(len(found))))


SYSTEM = FirstSentence
