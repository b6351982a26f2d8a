"""Free memory goes back to the system: without that the process grows for hours, though it holds no more than before."""

from __future__ import annotations

import ctypes

import pyarrow as pa


def give_back() -> None:
    """Hand free pages of Arrow's pool and of the C library back; milliseconds.

    Every chunk asks for tensors of other sizes, and between them torch keeps a small piece for each size that it has seen.
    So glibc finds no room for the next large tensor among the free pages, and takes new ones.
    """
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # Of glibc; other C libraries have no such function.
        trim(0)
