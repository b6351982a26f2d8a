"""Ids of posts that the two tables write in different forms, as a spreadsheet or pandas does with numbers."""

from __future__ import annotations

import re
from collections import Counter

import pandas as pd

NUMBER = re.compile(r"([0-9]+)(?:\.0+)?")
LONGEST_FORM = 20


def match_ids(ids: pd.Series, post_ids: pd.Series) -> pd.Series:
    """The ids as the posts have them, where one is the same whole number as that of exactly one post: 0.0 and 0, 001 and 1.

    Args:
        ids: of the annotations, str. post_ids: str, each once.

    Returns:
        Ids that a post has, and ids of no post or of several, unchanged.
    """
    unknown = ~ids.isin(post_ids)
    if not unknown.any():
        return ids
    numbers = post_ids.map(_number).dropna()
    of_number = pd.Series(post_ids[numbers.index].to_numpy(), index=numbers.to_numpy())
    of_number = of_number[~of_number.index.duplicated(keep=False)].to_dict()
    wanted = ids[unknown].map(_number)
    return ids.where(~unknown, wanted.map(of_number).where(wanted.notna()).fillna(ids[unknown]).reindex(ids.index))


def form_of(ids: pd.Series) -> str:
    """The most frequent form of the ids, with 9 for digits, a for letters and a space for white space, which shows none of them."""
    forms = Counter(re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", re.sub(r"\s+", " ", each)))[:LONGEST_FORM] for each in ids.unique())
    return max(forms, key=forms.__getitem__)


def _number(text: str) -> int | None:
    match = NUMBER.fullmatch(text)
    return int(match[1]) if match and len(match[1]) < 1000 else None
