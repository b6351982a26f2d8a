"""Tells whether an error means that memory ran out. Imports no torch: workers ask before and after they have it."""

from __future__ import annotations

import sys


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of a device or of the CPU, in this error or in one that it replaced.

    Leaving a CUDA graph after an error raises an AcceleratorError, which hides an OutOfMemoryError as its ``__context__``.
    """
    torch = sys.modules.get("torch")
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or (torch and isinstance(seen, torch.OutOfMemoryError)):
            return True
        if isinstance(seen, RuntimeError) and "can't allocate memory" in str(seen):  # torch's CPU allocator
            return True
        seen = seen.__cause__ or seen.__context__
    return False
