"""Chooses the number format of matrix products."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

import torch

ADVANTAGE = 1.2
REPEATS = 5


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """Return the format of this name; ``auto`` is bfloat16 if the hardware is faster in bfloat16, else float32."""
    if precision == "auto":
        fast = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else bfloat16_is_faster()
        return torch.bfloat16 if fast else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


@lru_cache(maxsize=1)
def bfloat16_is_faster() -> bool:
    """Whether this CPU multiplies matrices at least ``ADVANTAGE`` times as fast in bfloat16 as in float32.

    The CPU's flags do not decide it: of two CPUs with ``avx512_bf16``, one is three times as fast in bfloat16 and the other half
    as fast. So each process times a product of an encoder's size once, and compares the best of ``REPEATS`` in each format.
    """
    # Builds without oneDNN, such as those for Apple silicon, lack the operator.
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    if supported is None or not supported() or not {"avx512_bf16", "amx_bf16"} & _cpu_flags():
        return False  # Emulated bfloat16 is many times slower.
    return _product_seconds(torch.float32) > ADVANTAGE * _product_seconds(torch.bfloat16)


def _product_seconds(dtype: torch.dtype) -> float:
    states, weights = torch.ones(1024, 384, dtype=dtype), torch.ones(1536, 384, dtype=dtype)
    seconds = []
    for _ in range(1 + REPEATS):
        begin = time.perf_counter()
        torch.nn.functional.linear(states, weights)
        seconds.append(time.perf_counter() - begin)
    return min(seconds[1:])  # The first run also sets up the kernel.


def _cpu_flags() -> set[str]:
    cpuinfo = Path("/proc/cpuinfo")
    return set(cpuinfo.read_text().split()) if cpuinfo.is_file() else set()
