"""The training step on a GPU: micro-batches of fixed shapes, captured in CUDA graphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from psy_agents.agents.device import to_device
from psy_agents.training.step.buckets import Bucket, Buckets
from psy_agents.training.step.graphs import Graphs, Repeated
from psy_agents.training.step.training_step import TrainingStep


class CapturedStep:
    """A `TrainingStep` whose micro-batches are filled to buckets: one graph for each bucket, and one for clipping and AdamW.

    Everything that changes from step to step is in tensors that keep their addresses: the index of a micro-batch, the step's counts,
    the learning rates (`optimisation.LearningRates`), gradients and moments. The first micro-batch is never captured: it
    makes the gradients. Each bucket's graph adds to them, and the last graph of a step sets them to zero. A weight that the agent does
    not use never has a gradient, so the optimiser and its weight decay leave it alone.

    Args:
        step: the step as a function. Its optimiser must be capturable.
        micro_batch: most pairs in a micro-batch.
    """

    def __init__(self, step: TrainingStep, micro_batch: int, graphs: Graphs) -> None:
        self._step, self._micro_batch, self._graphs = step, micro_batch, graphs
        tables = step.tables
        self._buckets = Buckets(int(tables.lengths.max()), int(tables.n_sentences.max()), step.agent.packed)
        self._counts = torch.ones(2, device=tables.device)
        self._total = torch.zeros((), device=tables.device)
        self._gradients: list[Tensor] = []
        self._parts: dict[Bucket, tuple[Tensor, Repeated]] = {}
        self._update = self._new_update()

    def __call__(self, batches: Sequence[np.ndarray]) -> Tensor:
        """Train on the pairs of each micro-batch, as `TrainingStep` does."""
        tables = self._step.tables
        with self._graphs.on_stream():
            self._counts.copy_(to_device(np.array(self._step.counts(batches), dtype=np.float32), tables.device))
            for pairs in batches:
                values, bucket = tables.index(pairs, self._micro_batch, self._buckets)
                if bucket not in self._parts:
                    self._parts[bucket] = self._new_part(bucket)
                index, add_gradients = self._parts[bucket]
                index.copy_(to_device(values, tables.device))
                add_gradients()
            total = self._total.clone()
            if not self._gradients:
                self._gradients += [weight.grad for weight in self._step.agent.parameters() if weight.grad is not None]
            self._update()
            return total

    # The functions below hold no reference to self: a cycle would keep an ended trial's memory until it is collected.

    def _new_part(self, bucket: Bucket) -> tuple[Tensor, Repeated]:
        step, counts, total = self._step, self._counts, self._total
        index = torch.zeros(sum(bucket.sizes), dtype=torch.long, device=step.tables.device)

        def add_gradients() -> None:
            batch = step.tables.fixed_batch(index, bucket, step.frozen)
            total.add_(step.add_gradients(batch, *counts.unbind()))

        return index, Repeated(add_gradients, self._graphs)

    def _new_update(self) -> Repeated:
        step, total, gradients = self._step, self._total, self._gradients

        def update() -> None:
            step.update()
            torch._foreach_zero_(gradients)
            total.zero_()

        return Repeated(update, self._graphs)
