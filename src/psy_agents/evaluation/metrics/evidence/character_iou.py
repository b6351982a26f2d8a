"""Character IoU: characters in both the gold and the predicted spans over characters in either (Jaccard), summed over all pairs."""

from __future__ import annotations

from functools import partial

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, overlap_parts, ratio

CHARACTERS = partial(overlap_parts, "character")
CHARACTER_IOU = EvidenceMetric(
    name="character_iou",
    title="Character IoU",
    short="IoU",
    position=40,
    interval="wilson",
    compute=lambda sums: ratio(*CHARACTERS(sums)),
    ratio=CHARACTERS,
    in_summary=True,
)
