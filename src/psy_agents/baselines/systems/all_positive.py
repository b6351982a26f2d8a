"""Every criterion is met, and the whole post is its evidence."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from psy_agents.baselines.sentences import candidates_of
from psy_agents.baselines.system import Answering, Baseline, System
from psy_agents.training.data import PairData
from psy_agents.training.scoring import Answers


class AllPositive(System):
    """``all_positive`` and ``whole_post``."""

    baselines = (Baseline("all_positive", "criteria", ("criteria",)), Baseline("whole_post", "evidence", ("evidence",)))
    chosen_on_validation = False

    def depends_on(self) -> Mapping[str, Any]:
        """Nothing else."""
        return {}

    def fit(self, train: PairData, setting: Hashable) -> Answering:
        """Learn nothing."""
        return _answers


def _answers(data: PairData) -> Answers:
    n = len(data)
    return Answers(np.ones(n), candidates_of(range(n), [(0, len(text)) for text in data.texts], np.ones(n)))


SYSTEM = AllPositive
