"""Character IoU: characters in both the gold and the predicted spans over characters in either (Jaccard), summed over all pairs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, ratio


def character_iou(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """Intersection over union."""
    both = sums["character_both"]
    return ratio(both, sums["character_predicted"] + sums["character_gold"] - both)


CHARACTER_IOU = EvidenceMetric(
    name="character_iou",
    title="Character IoU",
    short="IoU",
    position=40,
    compute=character_iou,
    in_summary=True,
)
