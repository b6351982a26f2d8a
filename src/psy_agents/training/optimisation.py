"""AdamW's parameter groups and the schedule of the learning rate."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from psy_agents.agents.device import to_device
from psy_agents.agents.encoders.loading import depth_of_parameters
from psy_agents.agents.model import AgentModel
from psy_agents.training.config import OptimisationConfig


def parameter_groups(agent: AgentModel, config: OptimisationConfig) -> list[dict]:
    """Group trainable parameters by learning rate and weight decay.

    The learning rate of a parameter at depth d of an encoder with D layers is ``learning_rate * layer_lr_decay ** (D - d)``
    (Howard & Ruder 2018, discriminative fine-tuning); that of heads is ``learning_rate * head_lr_factor``. Weight decay
    (Loshchilov & Hutter 2019) applies to matrices only.
    """
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    in_encoder = set()
    for encoder in agent.encoders:
        depths = depth_of_parameters(encoder)
        top = encoder.config.num_hidden_layers
        for name, parameter in encoder.named_parameters():
            in_encoder.add(id(parameter))
            rate = config.learning_rate * config.layer_lr_decay ** (top - min(depths[name], top))
            _add(groups, parameter, rate, config.weight_decay)
    for parameter in agent.parameters():
        if id(parameter) not in in_encoder:
            _add(groups, parameter, config.learning_rate * config.head_lr_factor, config.weight_decay)
    return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def _add(groups: dict, parameter: torch.nn.Parameter, rate: float, decay: float) -> None:
    if parameter.requires_grad:
        groups.setdefault((rate, decay if parameter.ndim > 1 else 0.0), []).append(parameter)


def optimiser(agent: AgentModel, config: OptimisationConfig, capturable: bool = False) -> torch.optim.AdamW:
    """Build AdamW with the agent's parameter groups.

    Args:
        capturable: its counts of steps are on the device, as a CUDA graph needs it.
    """
    return torch.optim.AdamW(
        parameter_groups(agent, config), betas=(0.9, config.adam_beta2), eps=config.adam_epsilon, fused=True, capturable=capturable
    )


class LearningRates:
    """The learning rates of an optimiser's groups.

    Args:
        as_tensor: keep them in one tensor on the device, which captured steps read.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, as_tensor: bool = False) -> None:
        self._groups = optimiser.param_groups
        self._base = [group["lr"] for group in self._groups]
        self._rates_G: Tensor | None = None
        if as_tensor:
            self._rates_G = torch.tensor(self._base, device=self._groups[0]["params"][0].device)
            for group, rate in zip(self._groups, self._rates_G.unbind(), strict=True):
                group["lr"] = rate

    def scale(self, factor: float) -> None:
        """Set each group's rate to its peak times ``factor``."""
        rates = [rate * factor for rate in self._base]
        if self._rates_G is not None:
            self._rates_G.copy_(to_device(np.array(rates), self._rates_G.device, torch.float32))
            return
        for group, rate in zip(self._groups, rates, strict=True):
            group["lr"] = rate


def schedule_factor(step: int, total: int, config: OptimisationConfig) -> float:
    """Factor of the learning rate at ``step`` (from 0) of ``total`` optimiser steps, within [0, 1].

    All schedules climb linearly over ``warmup_ratio`` of the steps; ``one_cycle`` (Smith & Topin 2019) climbs
    and falls along cosines instead, starting at 1/25 of the peak.
    """
    warmup = config.warmup_ratio * total
    if step < warmup:
        climb = (step + 1) / (warmup + 1)
        if config.lr_scheduler_type == "one_cycle":
            return 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * climb)) / 2
        return climb
    progress = min((step - warmup) / max(total - warmup, 1), 1.0)
    match config.lr_scheduler_type:
        case "constant_with_warmup":
            return 1.0
        case "linear":
            return 1.0 - progress
        case "polynomial":
            return (1.0 - progress) ** config.lr_power
        case "cosine" | "one_cycle":
            return (1 + math.cos(math.pi * progress)) / 2
        case "cosine_with_restarts":
            cycle = (progress * config.lr_num_cycles) % 1.0
            return 0.0 if progress >= 1.0 else (1 + math.cos(math.pi * cycle)) / 2
        case other:
            raise AssertionError(other)
