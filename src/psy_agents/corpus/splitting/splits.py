"""Splits posts into train, validation and test: clusters stay whole, and every criterion keeps its share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from psy_agents.corpus.config import SPLITS
from psy_agents.corpus.reading.checks import has_text
from psy_agents.corpus.splitting.near_duplicates import same_text_key
from psy_agents.corpus.splitting.stratification import cover, stratify
from psy_agents.errors import UserError


def split_posts(
    posts: pd.DataFrame,
    pairs: pd.DataFrame,
    clusters: np.ndarray,
    ratios: tuple[float, float, float],
    seed: int,
) -> pd.DataFrame:
    """A split for each post that has text: ``post_id``, ``split``, in the posts' order.

    Posts of one cluster share a split, and each criterion with positives in at least three clusters is in every
    split. The result depends on the texts, their clusters, the labels, the ratios and the seed, and not on the order of the
    rows or the post ids.

    Args:
        posts: as `check_posts` returns them.
        pairs: as `build_pairs` returns them.
        clusters: (posts) of near-duplicates, from `cluster_near_duplicates`, and of posts of one group, from `join_groups`.
        ratios: shares of train, validation and test among the posts, each above 0, together 1.
        seed: another seed gives another split.
    """
    shares = np.array(ratios, dtype=np.float64)
    if not (shares > 0).all() or abs(shares.sum() - 1) > 1e-6:
        raise UserError(
            f"The ratios train {ratios[0]}, validation {ratios[1]} and test {ratios[2]} sum to {shares.sum():g}: "
            f"each must be above 0 and together they must be 1."
        )
    groups = _group(posts, pairs, clusters, seed)
    part = _parts(groups, shares, seed, f"train {ratios[0]}, validation {ratios[1]} and test {ratios[2]}")
    return _table(groups, np.array(SPLITS, dtype=object)[part])


def fold_posts(
    posts: pd.DataFrame, pairs: pd.DataFrame, clusters: np.ndarray, folds: int, fold: int, seed: int
) -> pd.DataFrame:
    """The splits of one fold of a cross-validation: ``post_id``, ``split``, in the posts' order.

    The posts are cut into ``folds`` parts of equal size, as `split_posts` does with three. Part ``fold`` is the test,
    the next one, after the last the first, the validation, and the others are train: over all folds each post is
    tested once. A criterion is in every part if its positives are in at least ``folds`` clusters.

    Args:
        posts, pairs, clusters: as for `split_posts`.
        folds: at least 3.
        fold: from 0 to folds - 1.
        seed: another seed gives other parts; all folds of one cross-validation share it.
    """
    if folds < 3:
        raise UserError(f"{folds} folds have no part for each of {', '.join(SPLITS)}: take 3 or more.")
    if not 0 <= fold < folds:
        raise UserError(f"There is no fold {fold} among {folds} folds: take one from 0 to {folds - 1}.")
    part = partition_posts(posts, pairs, clusters, folds, seed)
    after = (fold + 1) % folds
    return part.assign(split=np.where(part["part"] == fold, "test", np.where(part["part"] == after, "validation", "train")))[
        ["post_id", "split"]
    ].astype(str)


def partition_posts(posts: pd.DataFrame, pairs: pd.DataFrame, clusters: np.ndarray, folds: int, seed: int) -> pd.DataFrame:
    """The part, from 0 to ``folds - 1``, of each post that has text: ``post_id``, ``part``, in the posts' order.

    The parts have equal sizes, posts of one cluster share a part, and a criterion is in every part if its positives are in at
    least ``folds`` clusters. For the arguments see `fold_posts`.

    Raises:
        UserError: a part would have no post.
    """
    groups = _group(posts, pairs, clusters, seed)
    return pd.DataFrame({"post_id": groups.post_id, "part": _parts(groups, np.full(folds, 1 / folds), seed, f"{folds} folds")})


def coverage(posts: pd.DataFrame, pairs: pd.DataFrame, splits: pd.DataFrame, clusters: np.ndarray) -> dict[str, Any]:
    """The pairs and positives of each criterion in each split, for the report: counts only.

    Args:
        posts, pairs, clusters: as for `split_posts`.
        splits: as the functions above return them, audited.

    Returns:
        ``splits``: for each split its ``posts`` and their ``clusters``. ``criteria``: for each criterion its
        ``pairs`` and ``positives`` by split, ``clusters_with_a_positive``, and ``absent_because``: for each split
        without a positive the reason.
    """
    cluster = pd.Series(clusters, index=posts["post_id"])
    split = splits.set_index("post_id")["split"]
    clusters_of_split = cluster[split.index].groupby(split.to_numpy()).nunique()
    rows = pd.DataFrame(
        {
            "criterion": pairs["criterion"].to_numpy(),
            "split": split[pairs["post_id"]].to_numpy(),
            "cluster": cluster[pairs["post_id"]].to_numpy(),
        }
    )
    positive = rows[(pairs["label"] == 1).to_numpy()]
    criteria = pd.unique(rows["criterion"])
    pair_counts, positive_counts = _count(rows, criteria), _count(positive, criteria)
    spread = positive.groupby("criterion")["cluster"].nunique()
    report = {}
    for criterion in criteria:
        found, clusters_found = positive_counts[criterion], int(spread.get(criterion, 0))
        reason = _reason(sum(found.values()), clusters_found)
        report[criterion] = {
            "pairs": pair_counts[criterion],
            "positives": found,
            "clusters_with_a_positive": clusters_found,
            "absent_because": {name: reason for name in SPLITS if found[name] == 0},
        }
    return {
        "splits": {
            name: {"posts": int((split == name).sum()), "clusters": int(clusters_of_split.get(name, 0))}
            for name in SPLITS
        },
        "criteria": report,
    }


def _count(rows: pd.DataFrame, criteria: Sequence[str]) -> dict[str, dict[str, int]]:
    """Rows by criterion and split."""
    counts = rows.groupby(["criterion", "split"]).size().unstack(fill_value=0)
    return counts.reindex(index=criteria, columns=list(SPLITS), fill_value=0).astype(int).to_dict("index")


def _reason(positives: int, clusters: int) -> str:
    if positives == 0:
        return "no post shows it"
    where = "1 cluster" if clusters == 1 else f"{clusters} clusters"
    stand = "its 1 positive stands" if positives == 1 else f"its {positives} positives stand"
    why = "fewer than the splits" if clusters < len(SPLITS) else "all in other splits"
    return f"{stand} in {where} of posts, {why}"


@dataclass(frozen=True)
class _Groups:
    """The posts with text in groups (clusters), numbered in an order that depends only on texts and seed.

    Attributes:
        post_id: (posts) of the posts with text, in their order.
        group_of_post: (posts) number of the post's group.
        sizes: (groups) posts in the group.
        counts: (groups, criteria) posts in the group that show the criterion.
    """

    post_id: np.ndarray
    group_of_post: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray


def _group(posts: pd.DataFrame, pairs: pd.DataFrame, clusters: np.ndarray, seed: int) -> _Groups:
    if len(clusters) != len(posts):
        raise ValueError(f"{len(clusters)} clusters for {len(posts)} posts: give one for each post.")
    usable = has_text(posts).to_numpy()
    kept, cluster = posts.loc[usable], clusters[usable]
    names = kept["text"].map(lambda text: _digest(text, seed)).groupby(cluster).agg(["size", "min"])
    # Large groups come first: small ones can even out their effect later.
    names["percent"] = names["size"] * 100 // len(kept)
    names = names.sort_values(["percent", "min"], ascending=[False, True])
    group_of_post = names.index.get_indexer(cluster)

    positive = pairs.loc[pairs["label"] == 1, ["post_id", "criterion"]]
    group_of_positive = group_of_post[pd.Index(kept["post_id"]).get_indexer(positive["post_id"])]
    criterion_of_positive, criteria = pd.factorize(positive["criterion"], sort=True)
    counts = np.zeros((len(names), len(criteria)), dtype=np.int64)
    np.add.at(counts, (group_of_positive, criterion_of_positive), 1)
    return _Groups(kept["post_id"].to_numpy(dtype=object), group_of_post, names["size"].to_numpy(), counts)


def _parts(groups: _Groups, ratios: np.ndarray, seed: int, wanted: str) -> np.ndarray:
    """(posts) the part of each post, one for each ratio; empty parts are refused."""
    rng = np.random.default_rng(seed)
    part = stratify(groups.counts, groups.sizes, ratios, rng)
    if len(np.unique(part)) < len(ratios):
        raise UserError(
            f"Too few posts to split: {len(groups.post_id)} posts with text in {len(groups.sizes)} clusters of like "
            f"texts or of one group do not fill {wanted}: add posts or change what is wanted."
        )
    return cover(part, groups.counts, groups.sizes, ratios, rng)[groups.group_of_post]


def _table(groups: _Groups, split: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"post_id": groups.post_id, "split": split}).astype(str)


def _digest(text: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\n{same_text_key(text)}".encode("utf-8", "surrogatepass")).hexdigest()
