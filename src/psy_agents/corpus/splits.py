"""Train, validation and test: posts of the same text together, every criterion in its share."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from psy_agents.corpus.read import has_text
from psy_agents.errors import UserError

SPLITS = ("train", "validation", "test")


def split_posts(
    posts: pd.DataFrame, pairs: pd.DataFrame, train: float, validation: float, test: float, seed: int
) -> pd.DataFrame:
    """A split for each post that has text: ``post_id``, ``split``, in the posts' order.

    Posts whose texts differ only in case and whitespace share a split. The result depends on the texts, the
    labels, the ratios and the seed; on neither the order of the rows nor the post ids.

    Args:
        posts: as `check_posts` returns them.
        pairs: as `build_pairs` returns them.
        train, validation, test: shares of the posts, each above 0, together 1.
        seed: another seed gives another split.
    """
    ratios = np.array([train, validation, test], dtype=np.float64)
    if not (ratios > 0).all() or abs(ratios.sum() - 1) > 1e-6:
        raise UserError(
            f"The ratios train {train}, validation {validation} and test {test} sum to {ratios.sum():g}: "
            f"each must be above 0 and together they must be 1."
        )
    kept = posts.loc[has_text(posts)]
    keys = normalised_texts(kept)
    names = pd.Index(sorted(keys.unique(), key=lambda key: _digest(key, seed)))
    group_of_post = names.get_indexer(keys)
    too_few = (
        f"Too few posts to split: {len(kept)} posts with text, {len(names)} of them distinct, do not fill train "
        f"{train}, validation {validation} and test {test}: add posts or change the ratios."
    )
    if len(names) < len(SPLITS):
        raise UserError(too_few)

    positive = pairs.loc[pairs["label"] == 1, ["post_id", "criterion"]]
    group_of_positive = group_of_post[pd.Index(kept["post_id"]).get_indexer(positive["post_id"])]
    criterion_of_positive, criteria = pd.factorize(positive["criterion"], sort=True)
    counts = np.zeros((len(names), len(criteria)), dtype=np.int64)
    np.add.at(counts, (group_of_positive, criterion_of_positive), 1)

    split_of_group = stratify(counts, np.bincount(group_of_post), ratios, np.random.default_rng(seed))
    if len(np.unique(split_of_group)) < len(SPLITS):
        raise UserError(too_few)
    split = np.array(SPLITS, dtype=object)[split_of_group[group_of_post]]
    return pd.DataFrame({"post_id": kept["post_id"].to_numpy(dtype=object), "split": split}).astype(str)


def stratify(counts: np.ndarray, sizes: np.ndarray, ratios: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A subset for each group, by iterative stratification.

    Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011, Algorithm 1:
    always hand out the examples of the label with the fewest left, each to the subset that still wants most of
    that label, then most examples of any kind, then at random. Different here: an example is a group of posts,
    so a label counts once for each of its posts that carries it, and a group without labels comes last.

    Args:
        counts: (groups, labels) posts of the group that carry the label.
        sizes: (groups) posts in the group.
        ratios: (subsets) r_j, the share of each subset; sums to 1.
        rng: breaks the last ties.

    Returns:
        (groups) index of the group's subset.
    """
    subset = np.full(len(sizes), -1)
    wanted = ratios * sizes.sum()  # c_j: posts that each subset still wants
    wanted_of_label = np.outer(ratios, counts.sum(axis=0))  # c_j^i: posts with label i that it still wants

    def hand_out(group: int, label_wish: np.ndarray) -> None:
        best = np.flatnonzero(label_wish >= label_wish.max() - 1e-9)
        best = best[wanted[best] >= wanted[best].max() - 1e-9]
        chosen = best[0] if len(best) == 1 else rng.choice(best)
        subset[group] = chosen
        wanted[chosen] -= sizes[group]
        wanted_of_label[chosen] -= counts[group]

    left = counts.sum(axis=0)
    while left.any():
        label = np.where(left > 0, left, np.iinfo(np.int64).max).argmin()
        for group in np.flatnonzero((subset < 0) & (counts[:, label] > 0)):
            hand_out(group, wanted_of_label[:, label])
        left = counts[subset < 0].sum(axis=0)
    for group in np.flatnonzero(subset < 0):
        hand_out(group, wanted)
    return subset


def audit_leakage(posts: pd.DataFrame, splits: pd.DataFrame) -> None:
    """Refuse splits that miss a post, name one twice or an unknown one, or share a text between two splits."""
    unknown = ~splits["split"].isin(SPLITS)
    if unknown.any():
        raise UserError(f"Splits: {int(unknown.sum())} rows name a split other than {', '.join(SPLITS)}: split again.")
    repeated = int(splits["post_id"].duplicated().sum())
    if repeated:
        raise UserError(f"Splits: {repeated} rows repeat a post, so that it may stand in two splits: split again.")
    kept = posts.loc[has_text(posts)]
    missing = int((~kept["post_id"].isin(splits["post_id"])).sum())
    if missing:
        raise UserError(f"Splits: {missing} of {len(kept)} posts have no split: split again.")
    foreign = int((~splits["post_id"].isin(kept["post_id"])).sum())
    if foreign:
        raise UserError(f"Splits: {foreign} of {len(splits)} rows name a post that the posts lack: split again.")
    split = kept["post_id"].map(splits.set_index("post_id")["split"])
    shared = int((split.groupby(normalised_texts(kept)).nunique() > 1).sum())
    if shared:
        raise UserError(f"Splits: {shared} texts stand in more than one split: split again.")


def normalised_texts(posts: pd.DataFrame) -> pd.Series:
    """Each post's text without regard to case and to the kind and amount of whitespace."""
    return posts["text"].map(lambda text: " ".join(text.casefold().split()))


def _digest(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{key}".encode("utf-8", "surrogatepass")).digest()
