"""Seeds of trials and proposals."""

from __future__ import annotations

import hashlib


def derive_seed(seed: int, purpose: str, index: int) -> int:
    """A seed for one purpose and one trial, the same in every run."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()[:4]) >> 1
