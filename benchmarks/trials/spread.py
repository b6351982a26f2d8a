"""Several values as a cell of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def counted(differences: Sequence[float]) -> str:
    """How many differences are above zero, zero, and below."""
    signs = np.sign(np.round(differences, 9))
    return ", ".join(str(int(np.sum(signs == sign))) for sign in (1, 0, -1))


def spread(values: Sequence[float]) -> str:
    """Median, lowest and highest; nothing where a value is not there yet."""
    if not values or np.isnan(values).any():
        return f"{'-':22}"
    return f"{f'{np.median(values):.3f} ({min(values):.3f}-{max(values):.3f})':22}"
