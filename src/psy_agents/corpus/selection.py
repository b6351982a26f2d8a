"""Selects the rows of a corpus: each row is used, or set aside for exactly one reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from psy_agents.corpus.config import Policies
from psy_agents.corpus.fingerprint import hashed_id
from psy_agents.corpus.reading.checks import has_text
from psy_agents.corpus.reading.ids import form_of
from psy_agents.errors import UserError

USED = ""
ROWS_OF_USED_POSTS = (USED, "repeated", "ignored_label")
"""The reasons of annotations whose post is used. An annotator's row may repeat the row of another one."""
ROWS_SHOWN = 10
NEARLY_ALL = 0.9  # of the rows; so many have another cause than some missing posts
# The id of an own class is shown in reports and MLflow; longer labels may be text in the wrong column.
OWN_CLASS = re.compile(r"[^\r\n]{1,60}")


@dataclass(frozen=True)
class Selection:
    """The result of `select_rows`.

    Attributes:
        posts: the reason why each post is set aside, `USED` for used ones.
        annotations: the same for each annotation.
        criteria: id -> text; labels that become criteria (own_class) come last.
    """

    posts: pd.Series
    annotations: pd.Series
    criteria: dict[str, str]


def select_rows(
    posts: pd.DataFrame,
    annotations: pd.DataFrame,
    criteria: Mapping[str, str],
    policies: Policies,
    max_posts: int | None = None,
    seed: int = 0,
) -> Selection:
    """Apply the policies, and draw a sample if ``max_posts`` is set.

    Reasons to set a post aside, the first that applies: ``blank_text``, ``duplicate_text``, ``without_rows``,
    ``not_sampled``. Reasons to set an annotation aside: ``orphan`` (its post is not in the corpus), ``post_set_aside``,
    ``ignored_label``, ``repeated`` (an earlier used row has the same sentence, criterion and status).

    A post's rank in the sample depends only on its id and the seed: a smaller sample is part of a larger one.

    Args:
        posts, annotations, criteria: as `check_posts`, `check_annotations` and `check_criteria` return them.
        max_posts: None takes every post.

    Raises:
        UserError: a policy refuses a row, or no post or no criterion is left.
    """
    orphan = ~annotations["post_id"].isin(posts["post_id"])
    if orphan.mean() >= NEARLY_ALL and policies.orphan_rows == "error":
        raise UserError(
            f"Annotations: {int(orphan.sum())} of {len(annotations)} rows name a post_id that the posts lack: the ids have another form, "
            f"most of the posts' {form_of(posts['post_id'])} and most of the annotations' {form_of(annotations.loc[orphan, 'post_id'])} "
            f"(9: digits, a: letters): write them alike, or name the right columns under preprocessing.columns."
        )
    if orphan.any() and policies.orphan_rows == "error":
        raise UserError(
            f"Annotations: {int(orphan.sum())} of {len(annotations)} rows name "
            f"{annotations.loc[orphan, 'post_id'].nunique()} post_id values that the posts lack: add those posts, "
            f"remove those rows, or set preprocessing.policies.orphan_rows: set_aside."
        )
    label_decisions = _decide_labels(annotations.loc[~orphan, "criterion"], criteria, policies)
    own = [label for label, decision in label_decisions.items() if decision == "own_class"]
    ignored = annotations["criterion"].isin([k for k, decision in label_decisions.items() if decision == "ignore"])

    post_reasons = _post_reasons(posts, annotations, policies, max_posts, seed)
    set_aside = annotations["post_id"].isin(posts.loc[post_reasons != USED, "post_id"])
    reasons = np.select([orphan, set_aside, ignored], ["orphan", "post_set_aside", "ignored_label"], USED)
    reasons = pd.Series(reasons, index=annotations.index, dtype=object)
    rows = annotations[reasons == USED].assign(sentence_text=lambda rows: rows["sentence_text"].str.strip())
    offsets = [name for name in ("start", "end") if name in rows]
    reasons[rows.index[rows.duplicated(["post_id", "sentence_text", "criterion", "status", *offsets])]] = "repeated"

    # An own class has no text in the criteria file: its label is its text.
    return Selection(post_reasons, reasons, {**criteria, **{label: label.replace("_", " ") for label in own}})


def count_rows(reasons: pd.Series) -> dict[str, Any]:
    """Rows in, rows used, and rows set aside by reason."""
    counts = reasons.value_counts().to_dict()
    used = int(counts.pop(USED, 0))
    return {"in": len(reasons), "used": used, "set_aside": {str(k): int(v) for k, v in sorted(counts.items())}}


def _post_reasons(
    posts: pd.DataFrame, annotations: pd.DataFrame, policies: Policies, max_posts: int | None, seed: int
) -> pd.Series:
    blank = ~has_text(posts)
    if blank.any() and policies.blank_texts == "error":
        raise UserError(
            f"Posts: the text is blank in {int(blank.sum())} of {len(posts)} rows: fill or remove them, or set "
            f"preprocessing.policies.blank_texts: set_aside."
        )
    rules = [(blank, "blank_text")]
    if policies.duplicate_posts == "set_aside":
        rules.append((posts["text"].str.strip().duplicated(), "duplicate_text"))
    if policies.posts_without_rows == "set_aside":
        rules.append((~posts["post_id"].isin(annotations["post_id"]), "without_rows"))
    flags, names = zip(*rules, strict=True)
    reasons = pd.Series(np.select(list(flags), list(names), USED), index=posts.index, dtype=object)
    if max_posts is not None:
        usable = posts.loc[reasons == USED, "post_id"]
        rank = usable.map(lambda post_id: hashed_id(post_id, f"sample {seed}")).rank(method="first")
        reasons[rank.index[rank > max_posts]] = "not_sampled"
    if not (reasons == USED).any():
        raise UserError(f"Posts: all {len(posts)} rows are set aside ({count_rows(reasons)['set_aside']}): loosen the policies.")
    return reasons


def _decide_labels(labels: pd.Series, criteria: Mapping[str, str], policies: Policies) -> dict[str, str]:
    """ignore or own_class for each label of the annotations that is no criterion, in alphabetical order."""
    both = sorted(set(policies.labels) & set(criteria))
    if both:
        raise UserError(
            f"{', '.join(both)} is both a criterion and named in preprocessing.policies.labels: remove it from one of them."
        )
    foreign = sorted(set(labels.unique()) - set(criteria))
    decisions = {label: policies.labels.get(label, policies.unknown_labels) for label in foreign}
    refused = [label for label, decision in decisions.items() if decision == "error"]
    if refused:
        raise UserError(
            f"Annotations: {int(labels.isin(refused).sum())} of {len(labels)} rows have a label that is no criterion "
            f"({_shown_labels(refused, labels, policies)}): add it to the criteria, or to preprocessing.policies.labels as ignore or "
            f"own_class."
        )
    texts = [label for label, decision in decisions.items() if decision == "own_class" and not OWN_CLASS.fullmatch(label)]
    if texts:
        raise UserError(
            f"Annotations: {int(labels.isin(texts).sum())} of {len(labels)} rows have a label that is too long for an "
            f"own class ({_shown_labels(texts, labels, policies)}): give it a name of one line and 60 characters, or set "
            f"preprocessing.policies.unknown_labels: ignore."
        )
    return decisions


def _shown_labels(wanted: list[str], labels: pd.Series, policies: Policies) -> str:
    """The labels named in the settings, and the rows of all others, which may be texts or ids in the wrong column."""
    named = [label for label in wanted if label in policies.labels]
    rows = labels.index[labels.isin(set(wanted) - set(named)) & ~labels.duplicated()] + 1
    shown = ", ".join(map(str, rows[:ROWS_SHOWN])) + (f" and {len(rows) - ROWS_SHOWN} more" if len(rows) > ROWS_SHOWN else "")
    many = f"{len(rows)} different, first in rows" if len(rows) > 1 else "in row"
    return ", ".join([*named, *([f"{many} {shown} below the header"] if len(rows) else [])])
