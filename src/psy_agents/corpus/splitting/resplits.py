"""Other splits of a corpus: for each seed another validation part, or for each fold of a cross-validation another test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.splitting.splits import fold_posts, partition_posts
from psy_agents.errors import UserError

TRAIN, VALIDATION = "train", "validation"


def count_folds(train: int, validation: int, clusters: int, seeds: int) -> int:
    """The number of parts into which train + validation are cut, so that each seed can hold out one of them.

    A part is about as large as validation if the seeds allow it. From two seeds on, the seeds fill one or more whole partitions,
    or the last partition in part: every post is held out at least once. A single seed holds out one part of validation's size.

    Args:
        train, validation: posts of each.
        clusters: of posts in both that stay together; there are no more parts than these.
        seeds: number of seeds.

    Returns:
        At least 2: a model needs other posts than those that it is scored on.
    """
    by_share = max(2, round((train + validation) / validation))
    if seeds == 1:
        return max(2, min(by_share, clusters))
    partitions = max(1, round(seeds / by_share))
    while -(-seeds // partitions) > max(2, clusters):
        partitions += 1
    return max(2, -(-seeds // partitions))


def resplit(corpus: Corpus, seeds: Sequence[int]) -> tuple[dict[int, Corpus], int]:
    """A corpus for each seed, in which another part of train + validation is validation; and the number of parts.

    The held-out parts of the seeds are, in turn, the folds of grouped, stratified partitions (see `count_folds` and
    `partition_posts`); each partition is drawn with the first of the seeds that hold out its folds. Posts of one cluster (of
    near-duplicates, of a group) stay together. The test split and all clusters stay as they are, and every resplit passes the
    leakage audit; the returned corpora have no test posts.

    Raises:
        UserError: there are too few positive pairs for the parts, or a resplit leaks.
    """
    developed = corpus.part(TRAIN, VALIDATION)
    sizes = developed.splits["split"].value_counts()
    cluster = corpus.splits.set_index("post_id")["cluster"]
    clusters = developed.posts["post_id"].map(cluster).to_numpy()
    folds = count_folds(int(sizes[TRAIN]), int(sizes[VALIDATION]), len(set(clusters)), len(seeds))
    made, parts = {}, None
    for place, seed in enumerate(seeds):
        if place % folds == 0:
            parts = _partition(developed, clusters, folds, seed)
        made[seed] = _hold_out(corpus, developed, parts, place % folds)
    return made, folds


def cross_validation_fold(corpus: Corpus, folds: int, fold: int, seed: int) -> Corpus:
    """The corpus with the splits of one fold (see `fold_posts`), whatever its own are; clusters stay together.

    Raises:
        UserError: there are too few posts for the folds.
    """
    clusters = corpus.posts["post_id"].map(corpus.splits.set_index("post_id")["cluster"]).to_numpy()
    splits = fold_posts(corpus.posts, corpus.pairs, clusters, folds, fold, seed)
    made = replace(corpus, splits=splits.assign(cluster=clusters))
    made.audit()
    return made


def _partition(developed: Corpus, clusters: np.ndarray, folds: int, seed: int) -> pd.Series:
    """The part of each post, by its id; each part has a positive pair."""
    parts = partition_posts(developed.posts, developed.pairs, clusters, folds, seed).set_index("post_id")["part"]
    positive = developed.pairs.loc[developed.pairs["label"] == 1, "post_id"]
    found = parts[positive].nunique()
    if found < folds:
        raise UserError(
            f"Train and validation cannot be divided into {folds} parts: {len(positive)} positive pairs leave {folds - found} of them "
            f"without one, so nothing could be scored there: use fewer seeds (hpo.refit.n_seeds), "
            f"or --params hpo.refit.resplit=false."
        )
    return parts


def _hold_out(corpus: Corpus, developed: Corpus, parts: pd.Series, part: int) -> Corpus:
    held_out = set(parts.index[parts == part])
    is_test = ~corpus.splits["split"].isin([TRAIN, VALIDATION])
    names = corpus.splits["post_id"].map(lambda post: VALIDATION if post in held_out else TRAIN)
    resplit = replace(corpus, splits=corpus.splits.assign(split=corpus.splits["split"].where(is_test, names)))
    resplit.audit()
    return replace(developed, splits=resplit.splits[~is_test].reset_index(drop=True))
