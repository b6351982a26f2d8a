"""From posts and sentence annotations to (post, criterion) pairs with their evidence as character spans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from psy_agents.corpus.read import has_text
from psy_agents.errors import UserError

ORIGINS = np.array(["implicit_negative", "explicit_negative", "positive"], dtype=object)
LONGEST_LABEL_SHOWN = 40
LABELS_SHOWN = 10


@dataclass(frozen=True)
class PairTables:
    """What `build_pairs` makes.

    Attributes:
        pairs: one row per (post with text, criterion), posts and criteria in their given order: post_id,
            criterion, label (int8), origin (positive, explicit_negative or implicit_negative), starts and ends
            (lists of character offsets of the evidence in the post's text, sorted, without repeats) and
            evidence_known (False where a positive pair's evidence could not be placed, or not all of it).
        sentences: one row per annotated place: post_id, criterion, start, end, status (int8).
        report: counts of what went in, was used and was set aside, without any text or id of a post.
    """

    pairs: pd.DataFrame
    sentences: pd.DataFrame
    report: dict[str, Any]


def build_pairs(
    posts: pd.DataFrame,
    annotations: pd.DataFrame,
    criteria: Mapping[str, str],
    ignored_labels: tuple[str, ...] = ("SPECIAL_CASE",),
) -> PairTables:
    """Pair every post that has text with every criterion, and place the annotated sentences in the posts.

    A pair's label is 1 if any of its annotations has status 1; it is an explicit negative if all have status 0,
    and an implicit negative if it has none. A sentence is placed wherever it stands verbatim in its post, its
    own outer whitespace aside; one that stands nowhere gives no span but still counts for the label. Rows that
    mark the same place for the same criterion become one sentence, of status 1 if any of them has it.

    Args:
        posts, annotations, criteria: as `check_posts`, `check_annotations` and `check_criteria` return them.
        ignored_labels: values of the annotations' criterion that are no criteria; their rows are only counted.
    """
    usable = has_text(posts)
    kept = posts.loc[usable].reset_index(drop=True)
    _refuse_unknown(posts, annotations, criteria, ignored_labels)

    ignored = annotations["criterion"].isin(ignored_labels)
    textless = ~ignored & annotations["post_id"].isin(posts.loc[~usable, "post_id"])
    used = annotations.loc[~ignored & ~textless]

    ids = list(criteria)
    post = pd.Index(kept["post_id"]).get_indexer(used["post_id"])
    criterion = pd.Index(ids).get_indexer(used["criterion"])
    status = used["status"].to_numpy()
    origin = np.zeros((len(kept), len(ids)), dtype=np.int8)
    np.maximum.at(origin, (post, criterion), status + 1)

    texts = kept["text"].tolist()
    row, start, end, blank, lost = [], [], [], 0, []
    for number, (text, sentence) in enumerate(
        zip((texts[i] for i in post), (s.strip() for s in used["sentence_text"]), strict=True)
    ):
        if not sentence:
            blank += 1
            continue
        places = find_all(text, sentence)
        if not places:
            lost.append(number)
        row.extend([number] * len(places))
        start.extend(places)
        end.extend(place + len(sentence) for place in places)

    placed = pd.DataFrame(
        {
            "post": post[row],
            "criterion": criterion[row],
            "start": np.asarray(start, dtype=np.int64),
            "end": np.asarray(end, dtype=np.int64),
            "status": status[row],
        }
    )
    places = placed.groupby(["post", "criterion", "start", "end"], as_index=False, sort=True)["status"].max()
    starts, ends = _spans_of_pairs(places.loc[places["status"] == 1], len(kept), len(ids))

    positive = (origin == 2).ravel()
    evidence_known = ~positive | np.fromiter(map(len, starts), np.int64, len(starts)).astype(bool)
    lost_positive = np.asarray(lost, dtype=np.int64)[status[lost] == 1]
    evidence_known[post[lost_positive] * len(ids) + criterion[lost_positive]] = False

    pairs = pd.DataFrame(
        {
            "post_id": np.repeat(kept["post_id"].to_numpy(dtype=object), len(ids)),
            "criterion": np.tile(np.array(ids, dtype=object), len(kept)),
            "label": positive.astype(np.int8),
            "origin": ORIGINS[origin.ravel()],
            "starts": starts,
            "ends": ends,
            "evidence_known": evidence_known,
        }
    ).astype({"post_id": str, "criterion": str, "origin": str})
    sentences = pd.DataFrame(
        {
            "post_id": kept["post_id"].to_numpy(dtype=object)[places["post"]],
            "criterion": np.array(ids, dtype=object)[places["criterion"]],
            "start": places["start"],
            "end": places["end"],
            "status": places["status"].astype(np.int8),
        }
    ).astype({"post_id": str, "criterion": str})
    report = {
        "posts": {"in": len(posts), "used": len(kept), "set_aside": {"blank_text": int((~usable).sum())}},
        "annotations": {
            "in": len(annotations),
            "used": len(used),
            "set_aside": {"ignored_label": int(ignored.sum()), "post_without_text": int(textless.sum())},
        },
        "spans": {
            "in": len(used),
            "used": len(set(row)),
            "set_aside": {"blank_sentence": blank, "sentence_not_found": len(lost)},
        },
        "places": {"in": len(placed), "used": len(sentences), "set_aside": {"repeated": len(placed) - len(places)}},
        "pairs": {
            "in": len(kept) * len(ids),
            "used": len(pairs),
            "set_aside": {},
            "origins": {name: int((origin == code).sum()) for code, name in enumerate(ORIGINS)},
            "positives": dict(zip(ids, (origin == 2).sum(axis=0).tolist(), strict=True)),
            "evidence_unknown": int((~evidence_known).sum()),
        },
        "positive_sentences": {"in": int((status == 1).sum()), "not_found": len(lost_positive)},
    }
    check_report(report)
    return PairTables(pairs, sentences, report)


def find_all(text: str, sentence: str) -> list[int]:
    """Where ``sentence`` stands in ``text``, without overlaps; inside a longer word only if it stands nowhere else."""
    found = []
    at = text.find(sentence)
    while at >= 0:
        found.append(at)
        at = text.find(sentence, at + len(sentence))
    whole = [at for at in found if not _splits_word(text, at) and not _splits_word(text, at + len(sentence))]
    return whole or found


def check_report(report: Mapping[str, Any]) -> None:
    """Every ledger of the report must add up: what went in was used or set aside, and pairs have one origin."""
    for name, ledger in report.items():
        if "set_aside" in ledger and ledger["in"] != ledger["used"] + sum(ledger["set_aside"].values()):
            raise RuntimeError(f"The report's ledger {name!r} does not add up: {ledger}.")
    pairs = report["pairs"]
    if pairs["used"] != sum(pairs["origins"].values()):
        raise RuntimeError(f"The origins of the pairs do not add up: {pairs}.")


def _splits_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _refuse_unknown(
    posts: pd.DataFrame, annotations: pd.DataFrame, criteria: Mapping[str, str], ignored_labels: tuple[str, ...]
) -> None:
    both = [label for label in ignored_labels if label in criteria]
    if both:
        raise UserError(f"{', '.join(both)} is both a criterion and an ignored label: remove it from one of the two.")
    unknown = ~annotations["criterion"].isin([*criteria, *ignored_labels])
    if unknown.any():
        names = sorted(set(annotations.loc[unknown, "criterion"]))
        shown = [name for name in names if len(name) <= LONGEST_LABEL_SHOWN][:LABELS_SHOWN]
        more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
        raise UserError(
            f"Annotations: {int(unknown.sum())} of {len(annotations)} rows have a label that is no criterion "
            f"({', '.join(shown)}{more}): add it to the criteria or to the ignored labels."
        )
    missing = ~annotations["post_id"].isin(posts["post_id"])
    if missing.any():
        raise UserError(
            f"Annotations: {int(missing.sum())} of {len(annotations)} rows name "
            f"{annotations.loc[missing, 'post_id'].nunique()} post_id values that the posts lack: "
            f"add those posts or remove those rows."
        )


def _spans_of_pairs(positives: pd.DataFrame, n_posts: int, n_criteria: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists of starts and of ends for each pair, from places that are sorted by post, criterion and start."""
    n_pairs = n_posts * n_criteria
    pair = (positives["post"] * n_criteria + positives["criterion"]).to_numpy()
    first = np.searchsorted(pair, np.arange(n_pairs + 1))
    columns = []
    for offsets in (positives["start"].tolist(), positives["end"].tolist()):
        lists = np.empty(n_pairs, dtype=object)
        for number, (a, b) in enumerate(zip(first[:-1].tolist(), first[1:].tolist(), strict=True)):
            lists[number] = offsets[a:b]
        columns.append(lists)
    return columns[0], columns[1]
