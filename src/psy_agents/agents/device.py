"""Copies numpy arrays to a device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_device(array: np.ndarray, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Return the array on the device, cast to ``dtype`` if one is given.

    The copy to a GPU is asynchronous, from pinned memory. A synchronous copy waits until the GPU has finished all queued work,
    several times a training step.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(array)).to(dtype)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
