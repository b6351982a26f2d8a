"""The leakage audit of splits: each post is in one split, and no text and no group of posts is in two."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psy_agents.corpus.config import SPLITS
from psy_agents.corpus.reading.checks import has_text
from psy_agents.corpus.splitting.near_duplicates import same_text_key
from psy_agents.errors import UserError


def audit_leakage(posts: pd.DataFrame, splits: pd.DataFrame, clusters: np.ndarray) -> None:
    """Refuse splits that lack a post, repeat one, name an unknown one, leave a split empty or leak.

    Splits leak if two of them hold posts of one cluster or one group, or texts that are equal up to case, white space, punctuation
    and Unicode form; groups and texts are compared again here, independently of the clusters.

    Args:
        posts: as `check_posts` returns them; those without text have no split.
        splits: ``post_id`` and ``split``.
        clusters: (posts) of near-duplicates and of posts of one group.
    """
    unknown = ~splits["split"].isin(SPLITS)
    if unknown.any():
        raise UserError(f"Splits: {int(unknown.sum())} rows name a split other than {', '.join(SPLITS)}: split again.")
    repeated = int(splits["post_id"].duplicated().sum())
    if repeated:
        raise UserError(f"Splits: {repeated} rows repeat a post, which may be in two splits: split the posts again.")
    usable = has_text(posts)
    kept = posts.loc[usable]
    missing = int((~kept["post_id"].isin(splits["post_id"])).sum())
    if missing:
        raise UserError(f"Splits: {missing} of {len(kept)} posts have no split: split again.")
    foreign = int((~splits["post_id"].isin(kept["post_id"])).sum())
    if foreign:
        raise UserError(f"Splits: {foreign} of {len(splits)} rows name a post that the posts lack: split again.")
    empty = [name for name in SPLITS if not (splits["split"] == name).any()]
    if empty:
        raise UserError(f"Splits: no post of {len(kept)} is in {' or '.join(empty)}: add posts or split again.")
    split = kept["post_id"].map(splits.set_index("post_id")["split"])
    _refuse_shared(split, kept["text"].map(same_text_key).to_numpy(), "texts")
    if "group" in kept:
        grouped = kept["group"] != ""
        _refuse_shared(split[grouped], kept.loc[grouped, "group"].to_numpy(), "groups of posts")
    _refuse_shared(split, clusters[usable.to_numpy()], "clusters of near-duplicate posts")


def _refuse_shared(split: pd.Series, group: np.ndarray, what: str) -> None:
    together = split.groupby(group)
    shared = together.nunique() > 1
    if shared.any():
        raise UserError(
            f"Splits: {int(shared.sum())} {what} are in more than one split ({int(together.size()[shared].sum())} of "
            f"{len(split)} posts): put each of them into one split, or split the posts again."
        )
