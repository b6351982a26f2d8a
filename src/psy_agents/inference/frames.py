"""Posts and predictions as data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from psy_agents.corpus.alignment.normalisation import is_blank
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import Prediction, prediction_rows


def posts_of_frame(posts: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The ids and the texts of posts: the columns ``post_id`` and ``text``; without ids, the row number, from 0, is the id.

    Raises:
        UserError: there is no column ``text``, or a post has no text, or no id although there is a column of ids.
    """
    if "text" not in posts:
        raise UserError("The posts have no column text: rename the column that holds their texts.")
    texts = posts["text"].tolist()
    ids = posts["post_id"].tolist() if "post_id" in posts else [str(row) for row in range(len(posts))]
    for name, values in (("text", texts), ("post_id", ids)):
        wrong = [row for row, value in enumerate(values) if not isinstance(value, str)]
        if wrong:
            raise UserError(f"{len(wrong)} of {len(posts)} rows have no {name} that is a string, first row {wrong[0]} (from 0 on).")
    blank = [row for row, text in enumerate(texts) if is_blank(text)]
    if blank:
        raise UserError(f"{len(blank)} of {len(posts)} rows have no visible text, first row {blank[0]} (from 0 on).")
    return ids, texts


def frame_of_predictions(ids: Sequence[str], predictions: Sequence[Mapping[str, Prediction]]) -> pd.DataFrame:
    """The columns of `psy_agents.evaluation.predictions.SCHEMA` as plain Python values: None, never NaN, so they are valid JSON."""
    rows = prediction_rows(ids, predictions)
    return pd.DataFrame(rows.to_pylist(), columns=rows.column_names)
