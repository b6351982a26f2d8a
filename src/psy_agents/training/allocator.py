"""How the C library's allocator treats freed memory: kept for the next training step, or released to the system."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h
TOP_PAD = 64 * 2**20


def keep_freed_memory() -> bool:
    """Make this process keep the memory that it frees; return whether the C library supports it (glibc does).

    On a CPU, torch allocates every tensor through the C library. glibc maps new pages for each large tensor and unmaps them when it
    is freed; the kernel then has to clear new pages in the next step. This takes a fifth of a training step's CPU time, mostly for
    the gradients of the word embeddings (47 MB in MiniLM). With these options large tensors come from the heap, which never
    shrinks. Use it only in a process that only trains.

    Source: mallopt(3), M_MMAP_MAX and M_TRIM_THRESHOLD.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None  # musl has none.
    options = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: TOP_PAD}
    return mallopt is not None and all(mallopt(option, value) for option, value in options.items())


def release_freed_memory() -> None:
    """Return free pages of Arrow's memory pool and of the C library to the system; takes milliseconds.

    Without it, a process that predicts for hours keeps growing. Each chunk of posts needs tensors of different sizes, and small blocks
    that torch caches for each size lie between the free pages. glibc then maps new pages for the next large tensor.
    """
    import pyarrow

    pyarrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # Only glibc has it.
        trim(0)
