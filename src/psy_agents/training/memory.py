"""Memory that a step has freed, kept for the next one."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h
TOP_PAD = 64 * 2**20


def keep_freed_memory() -> bool:
    """Let this process keep what it frees; returns whether it can (glibc).

    torch asks the C library for every tensor on a CPU. glibc gives large ones pages of their own and returns them to the kernel
    when they are freed, which clears as many for the next step: a fifth of a training step's CPU time, most of all for the
    word embeddings' gradients (47 MB in MiniLM). Here they come from the heap, which is not given back before the process ends.
    For a process that does nothing but train: it never shrinks.

    Source: mallopt(3), M_MMAP_MAX and M_TRIM_THRESHOLD.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None  # musl has none.
    options = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: TOP_PAD}
    return mallopt is not None and all(mallopt(option, value) for option, value in options.items())
