"""Losses as sums over pairs or windows. The training step divides by the counts of the whole step, so
gradient accumulation does not change the loss. P: pairs, B: windows, T: tokens."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from psy_agents.agents.config import LossConfig


def positive_weight(labels: Tensor, config: LossConfig) -> float:
    """Weight of positive pairs from the training labels: 1, negatives / positives, or its square root."""
    positives = float(labels.sum())
    if config.class_weighting == "none" or positives == 0:
        return 1.0
    ratio = (len(labels) - positives) / positives
    return ratio if config.class_weighting == "balanced" else ratio**0.5


def criterion_loss(logits_P: Tensor, labels_P: Tensor, config: LossConfig, weight: float) -> Tensor:
    """Summed binary loss of the criterion logits.

    ``label_smoothing`` moves mass e to the uniform distribution (Szegedy et al. 2016, section 7);
    ``focal`` multiplies the cross-entropy by (1 - p_t) ** gamma (Lin et al. 2017, equation 4).

    Args:
        labels_P: 1, 0, or -1 for a dummy pair, which has no loss.
    """
    targets_P = labels_P.clamp_min(0).float()
    if config.loss == "label_smoothing":
        targets_P = targets_P * (1 - config.label_smoothing_factor) + config.label_smoothing_factor / 2
    losses_P = F.binary_cross_entropy_with_logits(logits_P, targets_P, reduction="none")
    if config.loss == "focal":
        # Clamped above zero: for gamma below 1 the gradient at zero is not finite.
        missed_P = (-torch.expm1(-losses_P)).clamp_min(1e-12)
        losses_P = losses_P * missed_P**config.focal_gamma
    return (losses_P * torch.where(labels_P > 0, weight, 1.0) * (labels_P >= 0)).sum()


def span_loss(
    start_BT: Tensor, end_BT: Tensor, start_targets_BT: Tensor, end_targets_BT: Tensor, known_B: Tensor, config: LossConfig
) -> Tensor:
    """Summed loss of start and end over windows, the mean of the two.

    Targets are True on every gold start (end), or only on position 0 if the window holds no evidence.
    ``uniform`` puts equal mass on each gold position; ``marginal`` maximises the sum of their
    probabilities (Clark & Gardner 2018, section 3.3). Windows with unknown evidence have no weight.
    """
    weights_B = torch.where(start_targets_BT[:, 0], config.no_answer_weight, 1.0) * known_B
    losses_B = sum(
        _position_loss(logits_BT, targets_BT, config.span_loss)
        for logits_BT, targets_BT in ((start_BT, start_targets_BT), (end_BT, end_targets_BT))
    )
    return (weights_B * losses_B).sum() / 2


def _position_loss(logits_BT: Tensor, targets_BT: Tensor, kind: str) -> Tensor:
    log_probabilities_BT = logits_BT.log_softmax(-1)
    if kind == "marginal":
        return -log_probabilities_BT.masked_fill(~targets_BT, -torch.inf).logsumexp(-1)
    return -log_probabilities_BT.masked_fill(~targets_BT, 0.0).sum(-1) / targets_BT.sum(-1)
