"""A cache of token states after frozen layers, for all epochs and trials of a worker. B: windows, T: tokens, H: hidden size.

Frozen layers give the same states in every epoch and evaluation. The cache computes them once for all windows of a
split, always in the same batches: a trial's metrics do not depend on earlier trials of its worker.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable

import numpy as np
import torch

from psy_agents.agents.device import to_device
from psy_agents.agents.model import AgentModel
from psy_agents.training.batches import padded_indices, token_budget_batches
from psy_agents.training.step.batch_times import BatchTimes
from psy_agents.training.step.tables import FrozenStates, WindowTables

log = logging.getLogger(__name__)

GIB = 2**30
SAMPLE_WINDOWS = 4


class FrozenStatesCache:
    """Caches frozen states by encoder, split and depth, up to a limit of memory.

    Args:
        gib: memory limit in GiB; with 0 nothing is cached and frozen layers run in every epoch.
    """

    def __init__(self, gib: float) -> None:
        self._max_bytes = int(gib * GIB)
        self._states: dict[Hashable, dict[int, FrozenStates]] = {}

    def get(
        self,
        key: Hashable,
        agent: AgentModel,
        tables: WindowTables,
        *,
        tokens_to_run: int,
        budget: int,
        precision: torch.dtype,
    ) -> FrozenStates | None:
        """Return the windows' states after the agent's frozen layers, or None if they have to run in every epoch.

        They have to run in every epoch if nothing is frozen, if a frozen layer is re-initialised (each trial draws new weights),
        if the trial would run fewer tokens than the windows have, if the states exceed the memory limit, or if the encoder
        cannot resume from them.

        Args:
            key: identifies the encoder's weights, the windows and the precision.
            tokens_to_run: number of tokens that the trial would run through its frozen layers without the cache.
        """
        windows, device = tables.windows, tables.device
        depth = agent.config.frozen_layers
        layers = agent.encoders[0].config.num_hidden_layers
        if depth == 0 or depth + agent.config.reinitialised_layers > layers or tokens_to_run < len(windows.ids):
            return None
        size = len(windows.ids) * agent.hidden * torch.float32.itemsize
        if size > self._max_bytes:
            return None
        agent.eval()
        with torch.no_grad(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
            sample = tables.take(np.argsort(tables.lengths, kind="stable")[:SAMPLE_WINDOWS])
            if not all(agent.frozen[encoder].can_be_skipped(sample.encoder_inputs) for encoder in agent.encoders):
                log.info(
                    "the frozen layers of %s run in every epoch: it cannot resume from their states",
                    agent.encoders[0].config.model_type,
                )
                return None
            by_depth = self._states.setdefault(key, {})
            if depth not in by_depth:
                below = max((lower for lower in by_depth if lower < depth), default=None)
                states = _run_frozen(agent, tables, None if below is None else by_depth[below], budget)
                self._evict(size)
                by_depth[depth] = states
            return by_depth[depth]

    def _evict(self, needed: int) -> None:
        """Drop the oldest states until ``needed`` more bytes fit."""
        sizes = [(states.states_NH.nbytes, depths, depth) for depths in self._states.values() for depth, states in depths.items()]
        used = sum(size for size, _, _ in sizes)
        for size, depths, depth in sizes:
            if used + needed <= self._max_bytes:
                return
            del depths[depth]
            used -= size


def _run_frozen(agent: AgentModel, tables: WindowTables, below: FrozenStates | None, budget: int) -> FrozenStates:
    states_NH = torch.empty(len(tables.windows.ids), agent.hidden, device=tables.device)
    times = BatchTimes(tables.lengths, tables.device)
    for chosen in times.of(token_budget_batches(tables.lengths, budget)):
        tensors = tables.take(chosen, below)
        from_below = None if below is None else (below.depth, tensors.frozen_BTH)
        states_BTH = agent.frozen_states(tensors, from_below)
        mask_BT, at_BT = padded_indices(tables.windows, chosen)
        states_NH[to_device(at_BT[mask_BT], tables.device)] = states_BTH[tensors.mask_BT].float()
    seconds = times.seconds_per_token + (0.0 if below is None else below.seconds_per_token)
    return FrozenStates(agent.config.frozen_layers, states_NH, seconds)
