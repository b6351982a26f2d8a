"""No-answer accuracy: the share of pairs without evidence for which nothing is predicted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, ratio


def no_answer_accuracy_parts(sums: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs without evidence and without a prediction, and pairs without evidence."""
    without = sums["pairs"] - sums["answer_gold"]
    return without - (sums["answer_predicted"] - sums["answer_both"]), without


NO_ANSWER_ACCURACY = EvidenceMetric(
    name="no_answer_accuracy",
    title="No-answer accuracy",
    short="no-ans.",
    position=70,
    interval="exact",
    compute=lambda sums: ratio(*no_answer_accuracy_parts(sums)),
    ratio=no_answer_accuracy_parts,
    in_summary=True,
)
