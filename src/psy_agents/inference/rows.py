"""What an agent says of posts as a table, one row a (post, criterion), criteria in the agent's order.

Columns, as in `psy_agents.evaluation.predictions`: ``post_id``, ``criterion``, ``probability`` (that the criterion is
met; NaN where it is not predicted), ``met`` (the decision; of the evidence agent: whether it gave a span), ``starts``
and ``ends`` (lists of character offsets into the post) and ``scores`` (a list; all three None where no spans are
predicted).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from psy_agents.inference.predictor import Prediction

COLUMNS = ["post_id", "criterion", "probability", "met", "starts", "ends", "scores"]


def prediction_rows(post_ids: Sequence[str], predictions: Sequence[Mapping[str, Prediction]]) -> pd.DataFrame:
    """The table of what `Predictor.predict` gave for the posts with these ids, in their order."""
    said = [(post_id, criterion, one) for post_id, of_post in zip(post_ids, predictions, strict=True) for criterion, one in of_post.items()]
    spans = [None if one.evidence is None else list(zip(*one.evidence, strict=True)) or [(), (), ()] for _, _, one in said]
    starts, ends, scores = ([None if each is None else list(each[i]) for each in spans] for i in range(3))
    table = {
        "post_id": [post_id for post_id, _, _ in said],
        "criterion": [criterion for _, criterion, _ in said],
        "probability": np.array([np.nan if one.probability is None else one.probability for _, _, one in said], dtype=np.float64),
        "met": np.array([one.met for _, _, one in said], dtype=bool),
        "starts": pd.Series(starts, dtype=object),
        "ends": pd.Series(ends, dtype=object),
        "scores": pd.Series(scores, dtype=object),
    }
    return pd.DataFrame(table, columns=COLUMNS)
