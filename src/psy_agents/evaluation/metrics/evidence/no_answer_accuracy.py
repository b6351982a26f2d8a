"""No-answer accuracy: the share of pairs without evidence for which nothing is predicted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, ratio


def no_answer_accuracy(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """Pairs without evidence and without a prediction over pairs without evidence."""
    without = sums["pairs"] - sums["answer_gold"]
    return ratio(without - (sums["answer_predicted"] - sums["answer_both"]), without)


NO_ANSWER_ACCURACY = EvidenceMetric(
    name="no_answer_accuracy",
    title="No-answer accuracy",
    short="no-ans.",
    position=70,
    compute=no_answer_accuracy,
    in_summary=True,
)
