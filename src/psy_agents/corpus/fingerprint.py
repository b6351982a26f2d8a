"""Hashes of data: one of a whole corpus, and ids of posts."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import numpy as np
import pandas as pd

ID_LENGTH = 16


def data_hash(
    posts: pd.DataFrame,
    pairs: pd.DataFrame,
    sentences: pd.DataFrame,
    splits: pd.DataFrame,
    criteria: Mapping[str, str],
) -> str:
    """SHA-256, in hex, of everything that a model is trained and scored on.

    It depends on the values and on the order of rows and criteria, and not on a frame's index, the order of its columns or
    their types (int8 or int64, lists or arrays): saving and loading keep it.
    """
    digest = hashlib.sha256()
    tables = {
        "posts": posts,
        "pairs": pairs,
        "sentences": sentences,
        "splits": splits,
        "criteria": pd.DataFrame({"id": list(criteria.keys()), "text": list(criteria.values())}),
    }
    for name, table in tables.items():
        for column in sorted(table.columns):
            _add_text(digest, [name, column])
            _add_column(digest, table[column])
    return digest.hexdigest()


def hashed_id(post_id: str, salt: str) -> str:
    """The hashed id of a post for logs and reports: 16 hex digits of HMAC-SHA256 keyed with the salt."""
    return hmac.new(salt.encode(), post_id.encode(), hashlib.sha256).hexdigest()[:ID_LENGTH]


def _add_column(digest: hashlib._Hash, column: pd.Series) -> None:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_integer_dtype(column):
        _add_integers(digest, column.to_numpy(dtype=np.int64))
    elif len(column) and not isinstance(column.iloc[0], str):
        _add_integers(digest, np.fromiter(map(len, column), np.int64, len(column)))
        _add_integers(digest, np.fromiter((offset for row in column for offset in row), np.int64))
    else:
        _add_text(digest, column.tolist())


def _add_text(digest: hashlib._Hash, values: list[str]) -> None:
    encoded = [value.encode("utf-8", "surrogatepass") for value in values]
    _add_integers(digest, np.fromiter(map(len, encoded), np.int64, len(encoded)))
    digest.update(b"".join(encoded))


def _add_integers(digest: hashlib._Hash, values: np.ndarray) -> None:
    digest.update(len(values).to_bytes(8, "little"))
    digest.update(values.astype("<i8").tobytes())
