"""The same seed gives the same trial on the same GPU.

cuBLAS needs ``CUBLAS_WORKSPACE_CONFIG=:4096:8`` in the environment before a process starts CUDA: else its sums may differ from stream to
stream. Workers set it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """In this context operations on a GPU use their deterministic form; those that have none warn.

    New memory is not filled: that is a guard against reading what was never written, and takes a kernel for every tensor.
    """
    if device.type != "cuda":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = filled
