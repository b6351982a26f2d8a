"""Ratings: what each annotator says of each (post, criterion) pair, from annotations that name their annotator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from psy_agents.corpus.config import Policies

COLUMNS = {"post_id": str, "criterion": str, "annotator": "int64", "label": "int8"}


def ratings_of(annotations: pd.DataFrame, criteria: Sequence[str], policies: Policies) -> pd.DataFrame:
    """A rating by each annotator of a post for each criterion.

    An annotator with a row for a post has read it all: criteria that the rows do not name are rated 0. A post in which an
    annotator finds nothing has a row of status 0 without a sentence, or no rating by this annotator. Rows of both statuses for one
    criterion are decided by ``policies.conflicting_status``; ``drop`` leaves the rating out. Rows without an annotator rate nothing.

    Args:
        annotations: post_id, criterion, status and, where the corpus has it, annotator. Rows with other labels than the criteria
            only show that an annotator has read the post.
        criteria: ids.

    Returns:
        post_id, criterion, annotator (a number, by first appearance: no name leaves the raw file) and label (int8).
    """
    if "annotator" not in annotations:
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    named = annotations[annotations["annotator"] != ""]
    rows = named.assign(annotator=pd.factorize(named["annotator"])[0])
    statuses = rows.groupby(["post_id", "annotator", "criterion"], sort=False)["status"].agg(["min", "max"])
    readers = rows[["post_id", "annotator"]].drop_duplicates()
    every = readers.merge(pd.DataFrame({"criterion": list(criteria)}), how="cross").set_index(["post_id", "annotator", "criterion"])
    found = every.join(statuses).fillna(0).astype("int8")
    conflicting = (found["min"] < found["max"]).to_numpy()
    label = found["min" if policies.conflicting_status == "all_positive" else "max"]
    kept = ~conflicting if policies.conflicting_status == "drop" else np.ones(len(found), dtype=bool)
    return label.rename("label")[kept].reset_index()[list(COLUMNS)].astype(COLUMNS)
