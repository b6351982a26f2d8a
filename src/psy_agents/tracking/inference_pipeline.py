"""The pipeline that an MLflow model holds: posts and one refitted agent -> its predictions. No command runs it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from kedro.pipeline import Pipeline, node

from psy_agents.errors import UserError
from psy_agents.inference.rows import prediction_rows

if TYPE_CHECKING:
    from psy_agents.inference.predictor import Predictor

POSTS, DEVICE = "posts_to_read", "params:device"


def create_pipeline(agent: str) -> Pipeline:
    """The inference of one agent, in the agent's namespace, from the folder that its refit saves."""
    predict = node(predict_posts, inputs=[POSTS, "refit_model", DEVICE], outputs="predictions", name="predict")
    return Pipeline([predict], namespace=agent, inputs={POSTS}, parameters={DEVICE})


def predict_posts(posts: pd.DataFrame, folder: Path, device: str) -> pd.DataFrame:
    """What the agent in ``folder`` says of each post and criterion.

    Args:
        posts: ``text``, and ``post_id`` if there is one: without it, posts are called by their number, from 0 on.
        device: as torch calls it; "auto" is the GPU where there is one.

    Returns:
        The columns of `psy_agents.inference.rows`, but None for NaN, which JSON does not have.

    Raises:
        UserError: a post has no text, or no id beside others that have one.
    """
    texts = posts["text"].tolist()
    ids = posts["post_id"].tolist() if "post_id" in posts else [str(row) for row in range(len(posts))]
    for name, values in (("text", texts), ("post_id", ids)):
        wrong = [row for row, value in enumerate(values) if not isinstance(value, str)]
        if wrong:
            raise UserError(f"{len(wrong)} of {len(posts)} rows have no {name} that is a string, first row {wrong[0]} (from 0 on).")
    blank = [row for row, text in enumerate(texts) if not text.strip()]
    if blank:
        raise UserError(f"{len(blank)} of {len(posts)} rows have no text but white space, first row {blank[0]} (from 0 on).")
    rows = prediction_rows(ids, predictor(folder, device).predict(texts))
    if rows["probability"].isna().all():
        rows["probability"] = pd.Series([None] * len(rows), dtype=object)
    return rows


@lru_cache(maxsize=4)
def predictor(folder: Path, device: str) -> Predictor:
    """The agent, loaded once a process: a served model is asked again and again."""
    from psy_agents.inference.predictor import Predictor

    return Predictor(folder, None if device == "auto" else device)
