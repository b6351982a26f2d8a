"""Ids that two files write in different forms, as a spreadsheet or pandas does with numbers."""

from __future__ import annotations

import re
from collections import Counter

import pandas as pd

NUMBER = re.compile(r"([0-9]+)(?:\.0+)?")
LONGEST_FORM = 20


def match_ids(ids: pd.Series, known: pd.Series) -> pd.Series:
    """The ids as the known ones are written, where one is the same whole number as exactly one of these: 0.0 and 0, 001 and 1.

    Args:
        ids: of the annotations, str. known: of the posts or criteria, str, each once.

    Returns:
        Known ids, and those of no known number or of several, unchanged.
    """
    unknown = ~ids.isin(known)
    if not unknown.any():
        return ids
    numbers = known.map(_number).dropna()
    of_number = pd.Series(known[numbers.index].to_numpy(), index=numbers.to_numpy())
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
