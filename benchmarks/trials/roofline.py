"""Lower bound of the time of a training step: its matrix products at the peak rate of this machine.

L: layers, H: hidden size, I: size of the feed-forward layer, T: tokens of a window. A product of (T, a) and (a, b) matrices is
2 T a b floating-point operations.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch

ROWS = {"cpu": 2048, "cuda": 65_536}  # About the tokens of a training batch; on a GPU as many as fill it.
REPEATS, WARM_UP = 20, 3


def training_flops(config: Any, lengths: np.ndarray, frozen_layers: int = 0, first_tokens_only: bool = False) -> float:
    """Floating-point operations to train an encoder on these windows once: forward, and twice as much backward.

    A layer's four projections (H, H) and two feed-forward ones (H, I), and attention's two products (T, T, H). Embeddings, norms,
    activations, heads and the optimiser count as nothing.

    Args:
        lengths: real tokens of each window.
        frozen_layers: layers that are not run.
        first_tokens_only: whether the last layer has keys and values of all tokens, and all else of each window's first.
    """
    hidden, inner, tokens = config.hidden_size, config.intermediate_size, float(lengths.sum())
    projection, feed_forward = 2 * hidden**2, 4 * hidden * inner
    layer = (4 * projection + feed_forward) * tokens + 4 * hidden * (lengths.astype(float) ** 2).sum()
    forward = (config.num_hidden_layers - frozen_layers) * layer
    if first_tokens_only:
        forward -= layer - (2 * projection * tokens + (2 * projection + feed_forward) * len(lengths) + 4 * hidden * tokens)
    return float(3 * forward)


def matrix_peak(config: Any, precision: torch.dtype, device: str = "cpu") -> float:
    """The best rate (FLOP/s) of a linear layer at the encoder's shapes, by `seconds`: of each shape the median."""
    hidden, inner = config.hidden_size, config.intermediate_size
    return max(_rate(a, b, precision, device) for a, b in ((hidden, hidden), (hidden, inner), (inner, hidden)))


def _rate(wide: int, out: int, precision: torch.dtype, device: str) -> float:
    rows = ROWS[device]
    states = torch.randn(rows, wide, dtype=precision, device=device)
    weights = torch.randn(out, wide, dtype=precision, device=device)
    taken = []
    for _ in range(WARM_UP + REPEATS):
        begin = seconds(device)
        torch.nn.functional.linear(states, weights)
        taken.append(seconds(device) - begin)
    return 2 * rows * wide * out / statistics.median(taken[WARM_UP:])


def seconds(device: str) -> float:
    """A clock: CPU seconds of this process, or wall-clock seconds after synchronising with the GPU."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()
