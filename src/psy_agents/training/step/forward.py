"""The logits of a split's windows, batch by batch. B: windows, T: tokens."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from psy_agents.agents.device import to_device
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.model import AgentModel, AgentOutput
from psy_agents.training.batches import token_budget_batches
from psy_agents.training.step.buckets import COARSE, Bucket, Buckets, batch_index, round_up
from psy_agents.training.step.graphs import Graphs, Repeated
from psy_agents.training.step.tables import FrozenStates, WindowTables

NONE = np.zeros(0, dtype=np.int64)
MOST_GRAPHS = 128
"""Of one agent's forward passes. A split has fewer shapes; posts that a model is given for weeks may have any number."""


class Forward:
    """Runs an agent on windows without gradients. The caller puts it into evaluation mode.

    Args:
        budget: padded tokens in a batch.
        frozen: all windows' states after frozen layers; None: the agent runs these layers.
    """

    def __init__(
        self, agent: AgentModel, tables: WindowTables, budget: int, precision: torch.dtype, frozen: FrozenStates | None = None
    ) -> None:
        self.agent, self.tables, self.budget, self.precision, self.frozen = agent, tables, budget, precision, frozen

    def batches(self) -> Iterator[np.ndarray]:
        """The windows of each batch, longest first."""
        return token_budget_batches(self.tables.lengths, self.budget)

    def __call__(self, chosen: np.ndarray) -> AgentOutput:
        """The logits of these windows, padded to the longest."""
        return self.logits(self.tables.take(chosen, self.frozen))

    def logits(self, windows: WindowTensors) -> AgentOutput:
        """The logits of windows of any layout."""
        with torch.inference_mode(), torch.autocast(self.tables.device.type, self.precision, enabled=self.precision != torch.float32):
            return self.agent(windows)


class CapturedForward:
    """A `Forward` on batches that are filled to buckets, with a graph for each bucket. The tables may get other windows between batches.

    Args:
        longest: tokens of the longest window that the tables may get.
        runs: batches of a bucket that run before it is captured.
    """

    def __init__(self, forward: Forward, graphs: Graphs, longest: int, runs: int = 1) -> None:
        self._forward, self._graphs, self._longest, self._runs = forward, graphs, longest, runs
        self._parts: OrderedDict[Bucket, tuple[Tensor, Repeated]] = OrderedDict()  # The one that was used last is last.

    @property
    def _buckets(self) -> Buckets:
        sentences = round_up(int(self._forward.tables.n_sentences.max()), COARSE)
        return Buckets(self._longest, sentences, self._forward.agent.packed)

    def batches(self) -> Iterator[np.ndarray]:
        """The windows of each batch, longest first."""
        return token_budget_batches(self._buckets.widths(self._forward.tables.lengths), self._forward.budget)

    def __call__(self, chosen: np.ndarray) -> AgentOutput:
        """The logits of these windows, padded to the longest, on the CPU."""
        tables = self._forward.tables
        lengths = tables.lengths[chosen]
        bucket = self._buckets.of_windows(lengths, self._forward.budget)
        with self._graphs.on_stream():
            if bucket not in self._parts:
                self._parts[bucket] = self._new_part(bucket)
            self._parts.move_to_end(bucket)
            if len(self._parts) > MOST_GRAPHS:
                self._parts.popitem(last=False)
            index, run = self._parts[bucket]
            values = batch_index(bucket, chosen, lengths, np.zeros_like(chosen), NONE, (tables.dummy, 0))
            index.copy_(to_device(values, tables.device))
            output = run()
            # Copied at once: the next replay of any graph may write over it.
            n, width = len(chosen), int(lengths.max())
            criterion_B, start_BT, end_BT = output.criterion_B, output.start_BT, output.end_BT
            return AgentOutput(
                None if criterion_B is None else criterion_B[:n].to("cpu", copy=True),
                None if start_BT is None else start_BT[:n, :width].to("cpu", copy=True),
                None if end_BT is None else end_BT[:n, :width].to("cpu", copy=True),
            )

    def _new_part(self, bucket: Bucket) -> tuple[Tensor, Repeated]:
        forward = self._forward  # Not self: a cycle would keep an ended trial's memory until it is collected.
        index = torch.zeros(sum(bucket.sizes), dtype=torch.long, device=forward.tables.device)

        def logits() -> AgentOutput:
            return forward.logits(forward.tables.take_fixed(index, bucket, forward.frozen))

        return index, Repeated(logits, self._graphs, self._runs)
