"""Copies numpy arrays to a device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_device(array: np.ndarray, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """The array on the device, as ``dtype`` or as it is.

    On a GPU it is copied from pinned memory while the host goes on: an ordinary copy waits for all that the GPU still has to
    do, several times a training step.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(array)).to(dtype)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
