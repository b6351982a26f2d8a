"""Tests whether an encoder's forward pass can be captured in a CUDA graph, without a GPU. B: windows, T: tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from psy_agents.agents.encoders.packing import Packing, packed_attention_in, packed_inputs

META = torch.device("meta")
LENGTHS = (7, 3, 5)
COPYING = "its forward pass copies tensors between CPU and GPU"
WAITING = "its forward pass needs the values of tensors on the GPU"
COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class _Uncapturable(Exception):
    """The message names the operator."""


class _CaptureRules(TorchDispatchMode):
    """Refuses operators that a captured stream may not run, with the meta device in place of the GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        try:
            result = func(*args, **(kwargs or {}))
        except (NotImplementedError, RuntimeError) as error:
            if any(tensor.device == META for tensor in tensors):  # Without values there is no item, no shape of a result.
                raise _Uncapturable(f"{COPYING if func in COPIES else WAITING} ({func})") from error
            raise
        tensors += [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        on_cpu = [tensor for tensor in tensors if tensor.device != META]
        # A kernel takes a single number from the CPU as an argument; anything else is copied.
        if 0 < len(on_cpu) < len(tensors) and (func in COPIES or any(tensor.dim() for tensor in on_cpu)):
            raise _Uncapturable(f"{COPYING} ({func})")
        return result


def why_not_captured(encoder: nn.Module, packed: bool) -> str | None:
    """Why a CUDA graph cannot hold the encoder's forward pass; None if nothing in it waits for the GPU or copies from the CPU.

    The pass runs on tensors without values. It does not see what kernels or the backward pass do.

    Args:
        packed: whether windows are read packed; else padded.
    """
    width = max(LENGTHS)
    packing = Packing(LENGTHS, width, META)
    ids_BT = torch.zeros((len(LENGTHS), width), dtype=torch.long, device=META)
    inputs = packed_inputs(encoder, packing, ids_BT, None) if packed else {"input_ids": ids_BT, "attention_mask": torch.ones_like(ids_BT)}
    weights = {name: tensor.to(META) for name, tensor in chain(encoder.named_parameters(), encoder.named_buffers())}
    attention = packed_attention_in(encoder, packing) if packed else nullcontext()
    try:
        with attention, as_if_capturing(), torch.no_grad(), _CaptureRules():
            torch.func.functional_call(encoder, weights, (), inputs)
    except _Uncapturable as reason:
        return str(reason)
    return None


@contextmanager
def as_if_capturing() -> Iterator[None]:
    """In this context code that asks torch is answered that a graph is being captured; transformers then omits no mask."""
    before = torch.cuda.is_current_stream_capturing
    torch.cuda.is_current_stream_capturing = lambda: True
    try:
        yield
    finally:
        torch.cuda.is_current_stream_capturing = before
