"""Prepares the corpus from raw tables, and accounts for every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from psy_agents.corpus.annotators import ratings_of
from psy_agents.corpus.config import CorpusSettings, SplitSettings
from psy_agents.corpus.pairs import build_pairs
from psy_agents.corpus.reading.checks import check_annotations, check_criteria, check_posts
from psy_agents.corpus.reading.ids import match_ids
from psy_agents.corpus.selection import ROWS_OF_USED_POSTS, USED, count_rows, select_rows
from psy_agents.corpus.splitting.groups import join_groups
from psy_agents.corpus.splitting.leakage import audit_leakage
from psy_agents.corpus.splitting.near_duplicates import cluster_near_duplicates
from psy_agents.corpus.splitting.splits import fold_posts, split_posts


@dataclass(frozen=True)
class PreparedCorpus:
    """The used posts, their pairs and annotated sentences (see `PairTables`), the criteria, the account, and each annotator's ratings."""

    posts: pd.DataFrame
    pairs: pd.DataFrame
    sentences: pd.DataFrame
    criteria: dict[str, str]
    account: dict[str, Any]
    ratings: pd.DataFrame


def prepare_corpus(
    posts_raw: pd.DataFrame,
    annotations_raw: pd.DataFrame,
    criteria_raw: Mapping[str, str],
    settings: CorpusSettings,
    salt: str,
) -> PreparedCorpus:
    """Check the raw tables, choose their rows, place the evidence, and account for every row.

    Args:
        posts_raw, annotations_raw: all cells are strings.
        salt: of the project, for hashed ids in messages.

    Raises:
        UserError: the corpus does not fit the settings.
    """
    all_posts = check_posts(posts_raw, settings.files.posts, settings.read_columns.posts)
    all_annotations = check_annotations(annotations_raw, settings.files.annotations, settings.read_columns.annotations)
    all_annotations["post_id"] = match_ids(all_annotations["post_id"], all_posts["post_id"])
    criteria = check_criteria(criteria_raw, settings.files.criteria)
    labels = pd.Series(list(dict.fromkeys([*criteria, *settings.policies.labels])), dtype=str)
    all_annotations["criterion"] = match_ids(all_annotations["criterion"], labels)
    chosen = select_rows(
        all_posts, all_annotations, criteria, settings.policies, settings.max_posts, settings.splits.seed
    )
    posts = all_posts[chosen.posts == USED].reset_index(drop=True)
    annotations = all_annotations[chosen.annotations == USED]
    tables = build_pairs(posts, annotations, chosen.criteria, settings.policies, settings.alignment, salt)

    annotation_reasons = chosen.annotations.copy()
    annotation_reasons[tables.unused_annotations.index] = tables.unused_annotations
    account = {"posts": count_rows(chosen.posts), "annotations": count_rows(annotation_reasons), **tables.report}
    check_account(account, len(posts_raw), len(annotations_raw), len(posts), len(chosen.criteria))
    read = all_annotations[chosen.annotations.isin(ROWS_OF_USED_POSTS)]
    ratings = ratings_of(read, list(chosen.criteria), settings.policies, tables.places)
    return PreparedCorpus(posts, tables.pairs, tables.sentences, chosen.criteria, account, ratings)


def split_corpus(posts: pd.DataFrame, pairs: pd.DataFrame, settings: SplitSettings) -> pd.DataFrame:
    """Split the posts by the settings, and audit the splits for leakage.

    Returns:
        post_id, split and cluster (of near-duplicates and of posts of one group), in the posts' order.

    Raises:
        UserError: there are too few posts, or a split that the corpus brings leaks.
    """
    clusters = cluster_near_duplicates(posts["text"].tolist(), settings.near_duplicates, settings.seed)
    if "group" in posts:
        clusters = join_groups(clusters, posts["group"])
    match settings.method:
        case "ratios":
            ratios = settings.train, settings.validation, settings.test
            splits = split_posts(posts, pairs, clusters, ratios, settings.seed)
        case "folds":
            splits = fold_posts(posts, pairs, clusters, settings.folds, settings.fold, settings.seed)
        case "column":
            splits = posts[["post_id", "split"]]
    audit_leakage(posts, splits, clusters)
    return splits.assign(cluster=clusters)


def check_account(account: Mapping[str, Any], posts_in: int, annotations_in: int, posts_out: int, criteria: int) -> None:
    """Check that every row is used or set aside for one reason, and that every pair has one origin.

    Args:
        posts_in, annotations_in: rows of the raw tables. posts_out: rows of the prepared posts.

    Raises:
        RuntimeError: a count does not add up, which is a bug.
    """
    alignment = account["alignment"]
    sums = {
        "posts": (posts_in, posts_out + sum(account["posts"]["set_aside"].values())),
        "annotations": (
            annotations_in,
            account["annotations"]["used"] + sum(account["annotations"]["set_aside"].values()),
        ),
        "aligned rows": (alignment["rows"]["in"], _stages(alignment["rows"])),
        "aligned positive rows": (alignment["positive_rows"]["in"], _stages(alignment["positive_rows"])),
        "places": (account["places"]["in"], account["places"]["used"] + sum(account["places"]["set_aside"].values())),
        "pairs": (posts_out * criteria, account["pairs"]["used"] + sum(account["pairs"]["set_aside"].values())),
        "origins of pairs": (account["pairs"]["used"], sum(account["pairs"]["origins"].values())),
    }
    wrong = {name: counts for name, counts in sums.items() if counts[0] != counts[1]}
    if wrong:
        raise RuntimeError(f"The account of the corpus does not add up: {wrong}.")


def _stages(counts: Mapping[str, int]) -> int:
    return sum(count for stage, count in counts.items() if stage != "in")
