"""Groups of posts, such as one author's: they share a split, and are drawn together when posts are resampled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from psy_agents.corpus.splitting.near_duplicates import join_clusters


def join_groups(clusters: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """The clusters, with those that share a group made one.

    Args:
        clusters: (posts) as `cluster_near_duplicates` returns them.
        groups: the group of each post; a post of no group is blank and joins nothing.

    Returns:
        (posts) cluster of each post, numbered by first appearance.
    """
    group = pd.Series(np.asarray(groups, dtype=object))
    named = group[group != ""]
    first = named.index.to_series().groupby(named).transform("first")
    return pd.factorize(join_clusters(clusters, np.column_stack([first, named.index]).astype(np.int64)))[0]
