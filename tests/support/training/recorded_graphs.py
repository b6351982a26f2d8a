"""Captures functions on a CPU as a CUDA graph would: operators with the tensors that they read and wrote, without Python."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from psy_agents.agents.encoders.capturing import as_if_capturing
from psy_agents.training.step.graphs import Graphs


def _reads_a_value(func: Any, args: tuple) -> bool:
    """Whether the operator hands Python a tensor's value, or a tensor whose shape depends on values."""
    if func is torch.ops.aten.index.Tensor:
        return any(index is not None and index.dtype == torch.bool for index in args[1])
    return bool({torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags))


class _Recorder(TorchDispatchMode):
    """Records operators, and what tensors from outside held before they were written."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: list[tuple[Any, tuple, dict, Any]] = []
        self._made: set[int] = set()
        self.before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if _reads_a_value(func, args):
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}")
        written = [
            value
            for argument, value in zip(func._schema.arguments, args, strict=False)
            if argument.alias_info is not None and argument.alias_info.is_write
        ]
        for tensor in tree_leaves(written):
            storage = tensor.untyped_storage().data_ptr()
            if storage not in self._made and storage not in self.before:
                self.before[storage] = tensor.untyped_storage(), tensor.untyped_storage().clone()
        result = func(*args, **kwargs)
        read = {leaf.untyped_storage().data_ptr() for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.untyped_storage().data_ptr() not in read:
                self._made.add(leaf.untyped_storage().data_ptr())
        self.operators.append((func, args, kwargs, result))
        return result


class RecordedGraphs(Graphs):
    """Graphs on a CPU. A capture restores what it wrote: it does not run, like that of a CUDA graph.

    Attributes:
        captured: number of captures. error: raised in place of the next capture.
    """

    def __init__(self, what: str = "steps", setting: str = "training.cuda_graphs") -> None:
        super().__init__(what, setting)
        self.captured = 0
        self.replayed = 0
        self.error: BaseException | None = None

    def on_stream(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _record(self, function: Callable[[], Any]) -> Callable[[], Any]:
        if self.error is not None:
            raise self.error
        generator = torch.get_rng_state()
        recorder = _Recorder()
        try:
            with as_if_capturing(), recorder:
                results = function()
        finally:
            torch.set_rng_state(generator)
            for storage, content in recorder.before.values():
                storage.copy_(content)
        self.captured += 1

        def replay() -> Any:
            self.replayed += 1
            with torch.inference_mode():
                for func, args, kwargs, recorded in recorder.operators:
                    for old, new in zip(tree_leaves(recorded), tree_leaves(func(*args, **kwargs)), strict=True):
                        if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                            old.copy_(new)
            return results

        return replay
