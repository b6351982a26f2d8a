"""The least that a training step can take: its matrix products, at the best rate that this machine reaches in them.

L: layers, H: hidden size, I: size of the feed-forward layer, T: tokens of a window. A product of (T, a) and (a, b) matrices is
2 T a b floating-point operations.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch

ROWS = 2048  # About the tokens of a training batch.
REPEATS = 20


def training_flops(config: Any, lengths: np.ndarray, frozen_layers: int = 0) -> float:
    """Floating-point operations to train an encoder on these windows once: forward, and twice as much backward.

    A layer's four projections (H, H) and two feed-forward ones (H, I), and attention's two products (T, T, H). Embeddings, norms,
    activations, heads and the optimiser count as nothing.

    Args:
        lengths: real tokens of each window.
        frozen_layers: layers that are not run.
    """
    hidden, inner = config.hidden_size, config.intermediate_size
    a_token = 2 * (4 * hidden**2 + 2 * hidden * inner)
    forward = (config.num_hidden_layers - frozen_layers) * (a_token * lengths.sum() + 4 * hidden * (lengths.astype(float) ** 2).sum())
    return float(3 * forward)


def matrix_peak(config: Any, precision: torch.dtype) -> float:
    """The best rate (FLOP/s) of a linear layer at the encoder's shapes, in CPU time of one thread: of each shape the median."""
    hidden, inner = config.hidden_size, config.intermediate_size
    return max(_rate(a, b, precision) for a, b in ((hidden, hidden), (hidden, inner), (inner, hidden)))


def _rate(wide: int, out: int, precision: torch.dtype) -> float:
    states, weights = torch.randn(ROWS, wide, dtype=precision), torch.randn(out, wide, dtype=precision)
    seconds = []
    for _ in range(1 + REPEATS):
        begin = time.process_time()
        torch.nn.functional.linear(states, weights)
        seconds.append(time.process_time() - begin)
    return 2 * ROWS * wide * out / statistics.median(seconds[1:])
