"""CUDA graphs of functions that work on tensors of fixed shapes at fixed addresses.

A captured graph starts all kernels of a function at once; one by one, a CPU needs longer to start them than a GPU to run them.
"""

from __future__ import annotations

import gc
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

import torch

from psy_agents.agents.encoders.capturing import why_not_captured
from psy_agents.agents.model import AgentModel
from psy_agents.training.step.memory import is_out_of_memory

log = logging.getLogger(__name__)


class Graphs(ABC):
    """Captures functions. Once a capture has failed, every function runs as it is.

    Args:
        what: what runs in them, for the log.
        setting: the name of the setting that turns them off.
    """

    def __init__(self, what: str, setting: str) -> None:
        self._what, self._setting, self.failed = what, setting, False

    def capture(self, function: Callable[[], Any]) -> Callable[[], Any] | None:
        """A function that repeats what this one does, and returns the tensors that it returned; None if it cannot be captured.

        The capture itself changes no tensor and no generator.

        Raises:
            RuntimeError: memory ran out. A caller that halves its batches must see this, so it is not a failed capture.
        """
        try:
            return self._record(function)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            # Leaving the graph raises an error of its own; the one behind it says more.
            cause = error.__context__ or error
            said = f"{type(cause).__name__}: " + str(cause).strip().partition("\n")[0]
            log.warning("%s", f"{self._what} run without CUDA graphs ({self._setting}): a capture failed, {said}")
            self.failed = True
            return None

    @abstractmethod
    def _record(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """See `capture`; raises whatever the capture failed with."""

    @abstractmethod
    def on_stream(self) -> AbstractContextManager[None]:
        """A context in which everything that is captured or repeated must run."""


class Repeated:
    """A function that is captured once it has run, by default when it is called for the second time.

    The first call runs it as it is. This is the warm-up that a capture needs (libraries set up their handles and workspaces), and it
    is work that counts: no weight, gradient or random number has to be restored, and what happens once is never captured.

    Its results lie in memory that graphs share: copy them before anything else is repeated.

    Args:
        runs: calls that run it as it is, at least 1.
    """

    def __init__(self, function: Callable[[], Any], graphs: Graphs, runs: int = 1) -> None:
        self._function, self._graphs, self._runs = function, graphs, runs
        self._replay: Callable[[], Any] | None = None

    def __call__(self) -> Any:
        if self._runs == 0 and self._replay is None and not self._graphs.failed:
            self._replay = self._graphs.capture(self._function)
        if self._replay is None or self._graphs.failed:
            self._replay, self._runs = None, max(0, self._runs - 1)
            return self._function()
        return self._replay()


class CudaGraphs(Graphs):
    """Graphs on one device, with one memory pool and one stream.

    All run on the same stream: a weight's gradient is added on the stream on which its autograd node was made, and a capture fails if
    that is another one. Sharing the pool is safe in any order of replays, because nothing in it is read after the next replay.

    Args:
        kind: what a process captures again and again, for each trial. Once a capture of it has failed none is tried: torch keeps the
            memory of a failed one until the process ends. The numbers are the same, as every function runs as it is.
    """

    _failed_kinds: ClassVar[set[str]] = set()

    def __init__(self, device: torch.device, what: str, setting: str, kind: str | None = None) -> None:
        super().__init__(what, setting)
        self._device, self._kind = device, kind
        self.failed = kind in self._failed_kinds
        if self.failed:
            log.info("%s run without CUDA graphs: in this process a capture of %s has failed before", what, kind)
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def __reduce__(self) -> tuple[type, tuple[torch.device, str, str, str | None]]:
        """A copy, which another process may get, has a stream and memory of its own."""
        return type(self), (self._device, self._what, self._setting, self._kind)

    @contextmanager
    def on_stream(self) -> Iterator[None]:
        current = torch.cuda.current_stream(self._device)
        if current == self._stream:
            yield
            return
        self._stream.wait_stream(current)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            current.wait_stream(self._stream)

    def capture(self, function: Callable[[], Any]) -> Callable[[], Any] | None:
        """See `Graphs.capture`."""
        replay = super().capture(function)
        if self.failed and self._kind is not None:
            self._failed_kinds.add(self._kind)
        return replay

    def _record(self, function: Callable[[], Any]) -> Callable[[], Any]:
        graph = torch.cuda.CUDAGraph()
        collecting = gc.isenabled()
        gc.disable()  # A collected graph or event of an earlier trial would be destroyed while the stream captures.
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                results = function()
        except RuntimeError:
            # The generator still believes in the capture and would refuse to draw; its copy does not, and draws the same numbers.
            generator = torch.cuda.default_generators[self._stream.device_index]
            generator.graphsafe_set_state(generator.clone_state())
            raise
        finally:
            if collecting:
                gc.enable()

        def replay() -> Any:
            graph.replay()
            return results

        return replay


def why_agent_not_captured(agent: AgentModel) -> str | None:
    """Why a graph cannot hold the forward pass of the agent's encoders; None if it can."""
    reasons = (why_not_captured(encoder, agent.packed) for encoder in agent.encoders)
    return next((reason for reason in reasons if reason is not None), None)
