"""The schema of predictions: one row for each (post, criterion), in files, in tables and in MLflow, and as a Python object.

``predict``, the model in MLflow and ``psy_agents.load(...).predict()`` return the columns of `SCHEMA`. Predictions of an
annotated split, by a refit or a baseline, have the columns of `SCORED_SCHEMA`: the same ones, the gold annotation, and the choices
made on validation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from psy_agents.errors import UserError
from psy_agents.evaluation.spans import Offsets, Span
from psy_agents.files.atomic import atomic_write

_PAIR = {"post_id": pa.string(), "criterion": pa.string()}
_OFFSETS = {"start": pa.int64(), "end": pa.int64()}
_SPANS = pa.list_(pa.struct({**_OFFSETS, "score": pa.float64(), "quote": pa.string()}))
_GOLD = {"label": pa.int8(), "origin": pa.string(), "evidence_known": pa.bool_(), "gold_spans": pa.list_(pa.struct(_OFFSETS))}
_CHOICES = {"uncalibrated": pa.float64(), "threshold": pa.float64(), "pooled_threshold": pa.float64()}

SCHEMA = pa.schema({**_PAIR, "probability": pa.float64(), "predicted": pa.bool_(), "spans": _SPANS})
"""Predictions of posts.

- ``probability``: calibrated probability that the criterion is met; null for an agent that predicts only spans.
- ``predicted``: whether the criterion is predicted to be met. For an agent that predicts only spans: whether it predicts one.
- ``spans``: start, end, score and quote of each span (`psy_agents.evaluation.spans.Span`); null for an agent without spans.
"""

SCORED_SCHEMA = pa.schema({**_PAIR, **_GOLD, "probability": pa.float64(), **_CHOICES, "predicted": pa.bool_(), "spans": _SPANS})
"""Predictions with the gold annotation.

- ``label``: 1 if the criterion is met, else 0. ``origin``: positive, explicit_negative or implicit_negative.
- ``evidence_known``: whether the position of all annotated evidence is known. ``gold_spans``: start and end of each span.
- ``uncalibrated``: the probability before calibration. ``threshold``: the decision threshold of this pair.
  ``pooled_threshold``: the threshold of criteria without a separate one. All three are null for baselines and for agents that
  predict only spans.
"""

GOLD = [*_PAIR, *_GOLD]


@dataclass(frozen=True)
class Prediction:
    """An agent's prediction of one (post, criterion), under the names of `SCHEMA`.

    Attributes:
        probability: calibrated probability that the criterion is met; None for an agent that predicts only spans.
        predicted: whether the criterion is predicted to be met. For an agent that predicts only spans: whether it predicts one.
        spans: the predicted evidence, in the order of the post; None for an agent without spans.
    """

    probability: float | None
    predicted: bool
    spans: list[Span] | None


def prediction_rows(post_ids: Sequence[str], predictions: Sequence[Mapping[str, Prediction]]) -> pa.Table:
    """The predictions of the posts with these ids as a table of `SCHEMA`.

    Args:
        predictions: the prediction for each post and criterion, as `psy_agents.load(...).predict()` returns them.
    """
    rows = [
        {"post_id": post_id, "criterion": criterion, **vars(each), "spans": span_rows(each.spans)}
        for post_id, of_post in zip(post_ids, predictions, strict=True)
        for criterion, each in of_post.items()
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def gold_table(pairs: pd.DataFrame, splits: pd.DataFrame, split: str) -> pd.DataFrame:
    """The gold columns of the pairs of one split, in the order of ``pairs``."""
    members = splits.loc[splits["split"] == split, "post_id"]
    chosen = pairs[pairs["post_id"].isin(members)]
    spans = [
        [{"start": int(start), "end": int(end)} for start, end in zip(starts, ends, strict=True)]
        for starts, ends in zip(chosen["starts"], chosen["ends"], strict=True)
    ]
    return chosen.assign(gold_spans=pd.Series(spans, index=chosen.index, dtype=object))[GOLD].reset_index(drop=True)


def predictions_table(
    gold: pd.DataFrame,
    *,
    probabilities: np.ndarray | None,
    predicted: np.ndarray | None,
    spans: Sequence[Sequence[Span]] | None,
    uncalibrated: np.ndarray | None = None,
    thresholds: np.ndarray | None = None,
    pooled_threshold: float | None = None,
) -> pd.DataFrame:
    """Add predictions to the gold columns; the table has the columns of `SCORED_SCHEMA`.

    Args:
        probabilities, predicted: (pairs,) both None for a model that predicts only spans.
        spans: the spans of each pair; None for a model without spans.
        uncalibrated: (pairs,) an agent's probabilities before calibration.
        thresholds: (pairs,) an agent's decision thresholds.
        pooled_threshold: an agent's threshold for criteria without a separate one.
    """
    if spans is None and predicted is None:
        raise ValueError("There are neither decisions nor spans.")
    n = len(gold)
    if predicted is None:
        predicted = np.array([len(found) > 0 for found in spans], dtype=bool)
    rows = [None] * n if spans is None else [span_rows(found) for found in spans]
    table = gold.assign(
        probability=_float_column(probabilities, n),
        uncalibrated=_float_column(uncalibrated, n),
        threshold=_float_column(thresholds, n),
        pooled_threshold=_float_column(pooled_threshold, n),
        predicted=np.asarray(predicted, dtype=bool),
        spans=pd.Series(rows, index=gold.index, dtype=object),
    )
    return table[SCORED_SCHEMA.names]


def span_rows(spans: Sequence[Span] | None) -> list[dict[str, Any]] | None:
    """Spans as the value of a table's cell."""
    return None if spans is None else [span._asdict() for span in spans]


def offsets_of(cells: Iterable[Iterable[dict[str, Any]]]) -> list[list[Offsets]]:
    """Start and end of each span in a column of spans."""
    return [[(span["start"], span["end"]) for span in cell] for cell in cells]


def write_predictions(table: pd.DataFrame, file: Path) -> None:
    """Write predictions with the gold annotation as Parquet."""
    import pyarrow.parquet as pq  # Not at the top: every kedro command imports this module.

    with atomic_write(file, private=True) as part:
        pq.write_table(pa.Table.from_pandas(table, schema=SCORED_SCHEMA, preserve_index=False), part)


def read_predictions(file: Path) -> pd.DataFrame:
    """Read predictions that `write_predictions` wrote.

    Raises:
        UserError: the file has other columns or types; an earlier version may have written it.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    if not table.schema.equals(SCORED_SCHEMA):
        raise UserError(
            f"{file.name} does not fit the schema of predictions, so another version of psy_agents wrote it: search and refit again "
            f"with this version, or read the file with the version that wrote it."
        )
    return table.to_pandas()


def no_predictions() -> pd.DataFrame:
    """A table without a row."""
    return SCORED_SCHEMA.empty_table().to_pandas()


def _float_column(values: np.ndarray | float | None, n: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(np.nan if values is None else values, dtype=np.float64), n).copy()
