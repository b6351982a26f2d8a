"""How the C library's allocator treats freed memory: kept for the next training step, or released to the system."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h
TOP_PAD = 64 * 2**20


def keep_freed_memory() -> bool:
    """Make this process keep the memory that it frees; return whether the C library can (glibc).

    torch asks the C library for every tensor on a CPU. glibc maps large tensors on their own pages and unmaps them when they are
    freed; the kernel then clears as many pages for the next step. That takes a fifth of a training step's CPU time, mostly for the
    gradients of the word embeddings (47 MB in MiniLM). With these options large tensors come from the heap, which never shrinks.
    Only for a process that does nothing but train.

    Source: mallopt(3), M_MMAP_MAX and M_TRIM_THRESHOLD.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None  # musl has none.
    options = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: TOP_PAD}
    return mallopt is not None and all(mallopt(option, value) for option, value in options.items())


def release_freed_memory() -> None:
    """Return free pages of Arrow's pool and of the C library to the system; takes milliseconds.

    Without it a process that predicts grows for hours. Every chunk of posts needs tensors of other sizes, and small blocks that torch
    caches for each size lie between the free pages: glibc finds no room for the next large tensor and maps new pages.
    """
    import pyarrow

    pyarrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # Only glibc has it.
        trim(0)
