"""Builds (post, criterion) pairs from posts and sentence annotations, with the evidence as character spans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from psy_agents.corpus.alignment.align import STAGES, Alignment, align
from psy_agents.corpus.alignment.given import align_given
from psy_agents.corpus.config import AlignmentSettings, Policies
from psy_agents.corpus.fingerprint import hashed_id
from psy_agents.corpus.origins import EXPLICIT_NEGATIVE, IMPLICIT_NEGATIVE, POSITIVE
from psy_agents.corpus.selection import USED
from psy_agents.errors import UserError

IDS_SHOWN = 5


@dataclass(frozen=True)
class PairTables:
    """The result of `build_pairs`.

    Attributes:
        pairs: one row per (post, criterion) that is not set aside, posts and criteria in their given order:
            post_id, criterion, label (int8), origin (positive, explicit_negative or implicit_negative), starts and
            ends (lists of character offsets of the evidence in the post's text, sorted, without repeats) and
            evidence_known (False where a positive pair's evidence could not be placed, or not all of it).
        sentences: one row per annotated place: post_id, criterion, start, end, status (int8).
        places: one row per place of each annotation, by the annotation's label in the index: start and end; -1 for a sentence that is
            not in its post. A blank sentence has none.
        unused_annotations: the reason why each annotation is not used, `USED` for used ones.
        report: counts of pairs, places and stages of the alignment, without any text or id of a post.
    """

    pairs: pd.DataFrame
    sentences: pd.DataFrame
    places: pd.DataFrame
    unused_annotations: pd.Series
    report: dict[str, Any]


def build_pairs(
    posts: pd.DataFrame,
    annotations: pd.DataFrame,
    criteria: Mapping[str, str],
    policies: Policies = Policies(),
    alignment: AlignmentSettings = AlignmentSettings(),
    salt: str = "",
) -> PairTables:
    """Pair every post with every criterion, and place the annotated sentences in the posts.

    A pair is an implicit negative if no annotation names it, an explicit one if all its annotations have status 0,
    and positive if all have status 1; ``policies.conflicting_status`` decides where it has both. Rows that mark the
    same place for the same criterion become one sentence, whose status the same policy decides.

    Args:
        posts: post_id, text; no text is blank.
        annotations: post_id (among the posts), sentence_text, criterion (among the criteria), status, and start and end if the corpus
            gives places.
        criteria: id -> text.
        salt: for the hashed ids of posts in a message.

    Raises:
        UserError: ``alignment.mode`` is strict and a sentence is not in its post, or a given place does not hold its sentence.
    """
    ids = list(criteria)
    post = pd.Index(posts["post_id"]).get_indexer(annotations["post_id"])
    criterion = pd.Index(ids).get_indexer(annotations["criterion"])
    pair = post * len(ids) + criterion
    status = annotations["status"].to_numpy()
    n_pairs = len(posts) * len(ids)

    texts, sentences = posts["text"].tolist(), annotations["sentence_text"].tolist()
    if "start" in annotations:
        offsets = annotations["start"].to_numpy(), annotations["end"].to_numpy()
        found = align_given(texts, post, sentences, *offsets, alignment.fuzzy_threshold, annotations.index)
    else:
        found = align(texts, post, sentences, alignment.fuzzy_threshold)
    lost = np.isin(found.stage, ["not_found", "blank"])
    if alignment.mode == "strict" and lost.any():
        raise UserError(_not_aligned(annotations["post_id"], found, lost, salt))

    has_0, has_1 = _flags(pair[status == 0], n_pairs), _flags(pair[status == 1], n_pairs)
    conflicting = has_0 & has_1
    # A row without sentence text hides no evidence if other rows show some.
    placed = _flags(pair[found.sentence][status[found.sentence] == 1], n_pairs)
    unknown = has_1 & (~placed | _flags(pair[(found.stage == "not_found") & (status == 1)], n_pairs))
    positive = has_1 & ~has_0 if policies.conflicting_status == "all_positive" else has_1
    pair_reason = np.full(n_pairs, USED, dtype=object)
    annotation_reason = np.full(len(annotations), USED, dtype=object)
    if alignment.mode == "drop":
        pair_reason[unknown] = "evidence_not_aligned"
        annotation_reason[lost] = "not_aligned"
    if policies.conflicting_status == "drop":
        pair_reason[conflicting] = "conflicting_status"
    with_its_pair = (pair_reason[pair] != USED) & (annotation_reason == USED)
    annotation_reason[with_its_pair] = "pair_set_aside"

    places, merged = _places(found, pair, status, annotation_reason == USED, policies)
    shown = places.loc[(places["status"] == 1) & positive[places["pair"]]]
    starts, ends = _spans_of_pairs(shown, n_pairs)
    origin = np.select([positive, has_0 | has_1], [POSITIVE, EXPLICIT_NEGATIVE], IMPLICIT_NEGATIVE)
    keep = pair_reason == USED
    evidence_known = ~(positive & unknown)

    post_ids, criterion_ids = posts["post_id"].to_numpy(dtype=object), np.array(ids, dtype=object)
    pairs = pd.DataFrame(
        {
            "post_id": np.repeat(post_ids, len(ids))[keep],
            "criterion": np.tile(criterion_ids, len(posts))[keep],
            "label": positive.astype(np.int8)[keep],
            "origin": origin[keep],
            "starts": starts[keep],
            "ends": ends[keep],
            "evidence_known": evidence_known[keep],
        }
    ).astype({"post_id": str, "criterion": str, "origin": str})
    sentences = pd.DataFrame(
        {
            "post_id": post_ids[places["pair"] // len(ids)],
            "criterion": criterion_ids[places["pair"] % len(ids)],
            "start": places["start"],
            "end": places["end"],
            "status": places["status"].astype(np.int8),
        }
    ).astype({"post_id": str, "criterion": str})
    report = {
        "alignment": {
            "rows": {"in": len(annotations), **{stage: int((found.stage == stage).sum()) for stage in STAGES}},
            "positive_rows": {
                "in": int((status == 1).sum()),
                **{stage: int((found.stage[status == 1] == stage).sum()) for stage in STAGES},
            },
        },
        "places": {"in": len(found.sentence), "used": len(sentences), "set_aside": merged},
        "pairs": {
            "in": n_pairs,
            "used": len(pairs),
            "set_aside": {str(k): int(v) for k, v in pd.Series(pair_reason[~keep]).value_counts().sort_index().items()},
            "origins": {name: int((origin[keep] == name).sum()) for name in (IMPLICIT_NEGATIVE, EXPLICIT_NEGATIVE, POSITIVE)},
            "conflicting": int(conflicting.sum()),
            "evidence_unknown": int((~evidence_known[keep]).sum()),
        },
    }
    return PairTables(pairs, sentences, _places_of_rows(found, annotations.index), pd.Series(annotation_reason, annotations.index), report)


def _places_of_rows(found: Alignment, index: pd.Index) -> pd.DataFrame:
    """For `PairTables.places`."""
    lost = np.flatnonzero(found.stage == "not_found")
    nowhere = np.full(len(lost), -1)
    row = np.concatenate([found.sentence, lost])
    places = {"start": np.concatenate([found.start, nowhere]), "end": np.concatenate([found.end, nowhere])}
    return pd.DataFrame(places, index=index[row])


def _flags(pairs: np.ndarray, n_pairs: int) -> np.ndarray:
    flags = np.zeros(n_pairs, dtype=bool)
    flags[pairs] = True
    return flags


def _places(
    found: Alignment, pair: np.ndarray, status: np.ndarray, used: np.ndarray, policies: Policies
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The places of pairs without repeats (pair, start, end, status; sorted), and the number of dropped places by reason."""
    placed = pd.DataFrame(
        {"pair": pair[found.sentence], "start": found.start, "end": found.end, "status": status[found.sentence]}
    )
    of_used = placed[used[found.sentence]]
    grouped = of_used.groupby(["pair", "start", "end"], sort=True)["status"]
    places = grouped.agg(["min", "max"]).reset_index()
    both = places["min"] != places["max"]
    if policies.conflicting_status == "drop":
        kept = places[~both]
    else:
        kept = places
    chosen = "min" if policies.conflicting_status == "all_positive" else "max"
    gone = {
        "row_set_aside": len(placed) - len(of_used),
        "repeated": len(of_used) - len(places),
        "conflicting_status": len(places) - len(kept),
    }
    return kept.rename(columns={chosen: "status"})[["pair", "start", "end", "status"]], gone


def _spans_of_pairs(places: pd.DataFrame, n_pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists of starts and of ends for each pair, from places sorted by pair and start."""
    first = np.searchsorted(places["pair"].to_numpy(), np.arange(n_pairs + 1))
    filled = np.flatnonzero(first[1:] > first[:-1])
    columns = []
    for offsets in (places["start"].tolist(), places["end"].tolist()):
        lists = np.empty(n_pairs, dtype=object)
        lists.fill([])  # One shared list for all pairs without evidence, which are most.
        for number in filled.tolist():
            lists[number] = offsets[first[number] : first[number + 1]]
        columns.append(lists)
    return columns[0], columns[1]


def _not_aligned(post_ids: pd.Series, found: Alignment, lost: np.ndarray, salt: str) -> str:
    hashed = sorted({hashed_id(post_id, salt) for post_id in post_ids[lost]})
    more = f" and {len(hashed) - IDS_SHOWN} more" if len(hashed) > IDS_SHOWN else ""
    blank = int((found.stage == "blank").sum())
    return (
        f"Annotations: {int(lost.sum())} of {len(post_ids)} rows have a sentence that is not found in its post "
        f"({blank} of them blank; first in row {int(post_ids.index[lost.argmax()]) + 1} below the header), "
        f"in {len(hashed)} posts, whose hashed ids are {', '.join(hashed[:IDS_SHOWN])}{more}: "
        f"correct those rows, lower preprocessing.alignment.fuzzy_threshold, or choose another preprocessing.alignment.mode."
    )
