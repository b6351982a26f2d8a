"""Each criterion is met with the share of its training pairs that are positive."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from psy_agents.baselines.system import Answering, Baseline, System
from psy_agents.training.data import PairData
from psy_agents.training.scoring import Answers


class Majority(System):
    """``majority``: the more frequent label of each criterion."""

    baselines = (Baseline("majority", "criteria", ("criteria",)),)
    chosen_on_validation = False

    def depends_on(self) -> Mapping[str, Any]:
        """Nothing else."""
        return {}

    def fit(self, train: PairData, setting: Hashable) -> Answering:
        """Count the training pairs."""
        n = len(train.criteria)
        pairs, positives = np.bincount(train.criterion, minlength=n), np.bincount(train.criterion, train.labels, n)
        shares = positives / np.maximum(pairs, 1)
        return lambda data: Answers(shares[data.criterion], None)


SYSTEM = Majority
