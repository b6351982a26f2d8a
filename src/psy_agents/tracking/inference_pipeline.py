"""The Kedro pipeline inside an MLflow model: posts and a refitted agent -> predictions. No command runs it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from kedro.pipeline import Pipeline, node

from psy_agents.corpus.alignment.normalisation import is_blank
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import prediction_rows

if TYPE_CHECKING:
    from psy_agents.inference.predictor import Predictor

POSTS, DEVICE, QUOTES = "posts_to_read", "params:device", "params:quotes"
DEFAULTS = {DEVICE: "auto", QUOTES: False}


def create_pipeline(agent: str) -> Pipeline:
    """The inference of one agent, in the agent's namespace, from the folder that its refit saves."""
    predict = node(predict_posts, inputs=[POSTS, "refit_model", *DEFAULTS], outputs="predictions", name="predict")
    return Pipeline([predict], namespace=agent, inputs={POSTS}, parameters=set(DEFAULTS))


def predict_posts(posts: pd.DataFrame, folder: Path, device: str, quotes: bool) -> pd.DataFrame:
    """Predict every criterion of the posts with the agent in ``folder``.

    Args:
        posts: the column ``text``, and ``post_id`` if posts have ids; otherwise the row number, from 0, is the id.
        device: a torch device; "auto" is the GPU if there is one, else the CPU.
        quotes: let each span carry the text between its offsets.

    Returns:
        The columns of `psy_agents.evaluation.predictions.SCHEMA` as plain Python values: None, never NaN, so they are
        valid JSON.

    Raises:
        UserError: a post has no text, or no id although there is a column of ids.
    """
    texts = posts["text"].tolist()
    ids = posts["post_id"].tolist() if "post_id" in posts else [str(row) for row in range(len(posts))]
    for name, values in (("text", texts), ("post_id", ids)):
        wrong = [row for row, value in enumerate(values) if not isinstance(value, str)]
        if wrong:
            raise UserError(f"{len(wrong)} of {len(posts)} rows have no {name} that is a string, first row {wrong[0]} (from 0 on).")
    blank = [row for row, text in enumerate(texts) if is_blank(text)]
    if blank:
        raise UserError(f"{len(blank)} of {len(posts)} rows have no visible text, first row {blank[0]} (from 0 on).")
    rows = prediction_rows(ids, load_predictor(folder, device).predict(texts, quotes=quotes))
    return pd.DataFrame(rows.to_pylist(), columns=rows.column_names)


@lru_cache(maxsize=4)
def load_predictor(folder: Path, device: str) -> Predictor:
    """The agent, loaded once a process, as a served model predicts many times."""
    from psy_agents.inference.predictor import Predictor

    return Predictor(folder, None if device == "auto" else device)
