"""The training step: a function of tensors without a branch on their values, the same on a CPU and on a GPU.

B: windows, T: tokens, P: pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from psy_agents.agents.losses import criterion_loss, span_loss
from psy_agents.agents.model import AgentModel
from psy_agents.agents.window_pooling import pool_windows
from psy_agents.training.config import HyperParameters
from psy_agents.training.step.tables import Batch, FrozenStates, TrainingTables


def micro_batch_loss(
    agent: AgentModel, batch: Batch, config: HyperParameters, positive_weight: float, n_pairs: Tensor, n_windows: Tensor
) -> Tensor:
    """The micro-batch's part of the step's loss, a mean over pairs and windows.

    Args:
        positive_weight: weight of positive pairs (`agents.losses.positive_weight`).
        n_pairs, n_windows: numbers of pairs and of windows with known evidence in the whole step, in float32: the loss does not
            depend on how a step is divided.
    """
    output, parts = agent(batch.windows), []
    if output.criterion_B is not None:
        logits_P = pool_windows(output.criterion_B, batch.pair_B, len(batch.labels_P), config.window_pooling)
        parts.append(criterion_loss(logits_P, batch.labels_P, config, positive_weight) / n_pairs)
    if output.start_BT is not None:
        targets = (batch.start_targets_BT, batch.end_targets_BT)
        parts.append(span_loss(output.start_BT, output.end_BT, *targets, batch.known_B, config) / n_windows)
    if len(parts) == 1:
        return parts[0]
    return (1 - config.evidence_loss_weight) * parts[0] + config.evidence_loss_weight * parts[1]


class TrainingStep:
    """One optimiser step over its micro-batches.

    Args:
        tables: the training pairs.
        frozen: the states of all training windows after frozen layers; None: the agent runs these layers.
    """

    def __init__(
        self,
        agent: AgentModel,
        optimiser: torch.optim.Optimizer,
        tables: TrainingTables,
        frozen: FrozenStates | None,
        config: HyperParameters,
        positive_weight: float,
        precision: torch.dtype,
    ) -> None:
        self.agent, self.optimiser, self.tables, self.frozen = agent, optimiser, tables, frozen
        self.config, self.positive_weight, self.precision = config, positive_weight, precision

    def __call__(self, batches: Sequence[np.ndarray]) -> Tensor:
        """Train on the pairs of each micro-batch; returns the mean loss of the step's pairs and windows, on the device.

        Windows whose evidence is unknown have no span loss, and do not count in its mean.
        """
        n_pairs, n_windows = (torch.full((), count, device=self.tables.device) for count in self.counts(batches))
        total = torch.zeros((), device=self.tables.device)
        self.optimiser.zero_grad(set_to_none=True)
        for pairs in batches:
            total += self.add_gradients(self.tables.batch(pairs, self.frozen), n_pairs, n_windows)
        self.update()
        return total

    def counts(self, batches: Sequence[np.ndarray]) -> tuple[float, float]:
        """Pairs of the step, and windows with known evidence, at least 1."""
        of_step = np.concatenate(batches)
        return float(len(of_step)), float(max(1, self.tables.n_known_windows(of_step)))

    def add_gradients(self, batch: Batch, n_pairs: Tensor, n_windows: Tensor) -> Tensor:
        """Add a micro-batch's gradients; returns its part of the step's loss."""
        with torch.autocast(self.tables.device.type, self.precision, enabled=self.precision != torch.float32):
            loss = micro_batch_loss(self.agent, batch, self.config, self.positive_weight, n_pairs, n_windows)
        loss.backward()
        return loss.detach()

    def update(self) -> None:
        """Clip the gradients and move the weights."""
        torch.nn.utils.clip_grad_norm_(self.agent.parameters(), self.config.max_grad_norm)
        self.optimiser.step()
