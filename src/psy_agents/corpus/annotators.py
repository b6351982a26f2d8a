"""Ratings: what each annotator says of each (post, criterion) pair, from annotations that name their annotator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from psy_agents.corpus.config import Policies

COLUMNS = {
    "post_id": str, "criterion": str, "annotator": "int64", "label": "int8", "starts": object, "ends": object, "evidence_known": bool,
}  # fmt: skip
KEY = ["post_id", "annotator", "criterion"]


def ratings_of(annotations: pd.DataFrame, criteria: Sequence[str], policies: Policies, places: pd.DataFrame) -> pd.DataFrame:
    """A rating by each annotator of a post for each criterion.

    An annotator with a row for a post has read it all: criteria that the rows do not name are rated 0. A post in which an
    annotator finds nothing has a row of status 0 without a sentence, or no rating by this annotator. Rows of both statuses for one
    criterion are decided by ``policies.conflicting_status``; ``drop`` leaves the rating out. Rows without an annotator rate nothing.

    Args:
        annotations: post_id, criterion, status and, where the corpus has it, annotator. Rows with other labels than the criteria
            only show that an annotator has read the post.
        criteria: ids.
        places: of the annotations in their posts, as in `psy_agents.corpus.pairs.PairTables`.

    Returns:
        post_id, criterion, annotator (a number, by first appearance: no name leaves the raw file), label (int8), starts and ends (lists
        of character offsets of the evidence that a positive rating shows) and evidence_known (False if not all of it was placed).
    """
    if "annotator" not in annotations:
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    named = annotations[annotations["annotator"] != ""]
    rows = named.assign(annotator=pd.factorize(named["annotator"])[0])
    statuses = rows.groupby(KEY, sort=False)["status"].agg(["min", "max"])
    readers = rows[["post_id", "annotator"]].drop_duplicates()
    every = readers.merge(pd.DataFrame({"criterion": list(criteria)}), how="cross").set_index(KEY)
    found = every.join(statuses).fillna(0).astype("int8")
    conflicting = (found["min"] < found["max"]).to_numpy()
    label = found["min" if policies.conflicting_status == "all_positive" else "max"]
    kept = ~conflicting if policies.conflicting_status == "drop" else np.ones(len(found), dtype=bool)
    rated = label.rename("label")[kept].to_frame()
    positive = rows[rows["status"] == 1].drop(columns=["start", "end"], errors="ignore")  # Places that the corpus gives are in `places`.
    return _with_evidence(rated, positive.join(places, how="inner")).reset_index()[list(COLUMNS)].astype(COLUMNS)


def _with_evidence(rated: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """Add the evidence of positive ratings, by ``KEY``, from the places of their positive rows."""
    placed = shown[shown["start"] >= 0].drop_duplicates([*KEY, "start", "end"]).sort_values(["start", "end"])
    spans = placed.groupby(KEY)[["start", "end"]].agg(list).reindex(rated.index)
    has_some, lost = spans["start"].notna(), rated.index.isin(shown.loc[shown["start"] < 0, KEY].to_records(index=False).tolist())
    positive = rated["label"] == 1
    for name in ("start", "end"):
        rated[f"{name}s"] = spans[name].where(positive & has_some, None).map(lambda each: each if isinstance(each, list) else [])
    return rated.assign(evidence_known=~positive | (has_some & ~lost))
