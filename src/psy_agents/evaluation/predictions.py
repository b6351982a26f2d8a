"""The table of predictions: what a model or a baseline said of each pair of a split, beside the gold annotation.

Columns, one row a pair: ``post_id``, ``criterion``, ``label`` (0 or 1), ``origin`` (positive, explicit_negative,
implicit_negative), ``evidence_known``, ``gold_starts`` and ``gold_ends`` (lists of character offsets),
``probability`` (of the criterion, calibrated; NaN where it is not predicted), ``uncalibrated`` (the same before its
temperature), ``threshold`` (that decided) and ``pooled_threshold`` (that of criteria without one of their own; these three
are NaN of baselines too), ``predicted`` (0 or 1; of a model of evidence alone: whether it gave a span), ``starts``,
``ends`` and ``scores`` (lists; None where no spans are predicted).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from psy_agents.evaluation.spans import Span

GOLD = ["post_id", "criterion", "label", "origin", "evidence_known", "gold_starts", "gold_ends"]
CHOSEN = ["uncalibrated", "threshold", "pooled_threshold"]
COLUMNS = [*GOLD, "probability", *CHOSEN, "predicted", "starts", "ends", "scores"]


def gold_table(pairs: pd.DataFrame, splits: pd.DataFrame, split: str) -> pd.DataFrame:
    """The gold columns of one split's pairs, in the order of ``pairs``."""
    members = splits.loc[splits["split"] == split, "post_id"]
    chosen = pairs[pairs["post_id"].isin(members)]
    return chosen.rename(columns={"starts": "gold_starts", "ends": "gold_ends"})[GOLD].reset_index(drop=True)


def predictions_table(
    gold: pd.DataFrame,
    *,
    probabilities: np.ndarray | None,
    predicted: np.ndarray | None,
    spans: Sequence[Sequence[Span]] | None,
    scores: Sequence[Sequence[float]] | None = None,
    uncalibrated: np.ndarray | None = None,
    thresholds: np.ndarray | None = None,
    pooled_threshold: float | None = None,
) -> pd.DataFrame:
    """Put predictions beside the gold columns.

    Args:
        probabilities, predicted: (pairs,), both None for a model of evidence alone.
        uncalibrated, thresholds: (pairs,) and pooled_threshold: what an agent has chosen on validation.
        spans, scores: of each pair; spans is None for a model of criteria alone. scores are left out by rules.
    """
    if spans is None and predicted is None:
        raise ValueError("There are neither decisions nor spans.")
    n = len(gold)
    if predicted is None:
        predicted = np.array([len(found) > 0 for found in spans], dtype=np.int64)
    nothing = [None] * n
    return gold.assign(
        probability=_numbers(probabilities, n),
        uncalibrated=_numbers(uncalibrated, n),
        threshold=_numbers(thresholds, n),
        pooled_threshold=_numbers(pooled_threshold, n),
        predicted=np.asarray(predicted, dtype=np.int64),
        starts=nothing if spans is None else [[int(start) for start, _ in found] for found in spans],
        ends=nothing if spans is None else [[int(end) for _, end in found] for found in spans],
        scores=nothing if scores is None else [[float(score) for score in found] for found in scores],
    )


def _numbers(values: np.ndarray | float | None, n: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(np.nan if values is None else values, dtype=np.float64), n).copy()
