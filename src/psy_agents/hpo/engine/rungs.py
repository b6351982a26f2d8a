"""ASHA's stopping rule: a trial that reaches a rung continues only among the best of the trials seen there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psy_agents.hpo.config import RungsPruner
from psy_agents.training.learning_curve import best_value


@dataclass(frozen=True)
class RungDecision:
    """What was decided at a rung, and what the trial was compared with.

    Attributes:
        epoch: the rung.
        value: the trial's best smoothed value up to there.
        n_seen: number of trials seen at the rung, this one included.
        cut_off: lowest value that continues; None: too few trials were seen, so every one continues.
    """

    epoch: int
    value: float
    n_seen: int
    cut_off: float | None

    @property
    def stop(self) -> bool:
        """Whether the trial stops. A value equal to the cut-off continues."""
        return self.cut_off is not None and self.value < self.cut_off

    def sentence(self) -> str:
        """What the value was compared with."""
        cut_off = "no cut-off" if self.cut_off is None else f"cut-off {self.cut_off:.4f}"
        return f"value {self.value:.4f} at the rung of epoch {self.epoch}, {cut_off} among {self.n_seen} trials"


def decide_at_rung(pruner: RungsPruner, curve: Sequence[float], others: Iterable[Sequence[float]]) -> RungDecision | None:
    """The decision on a trial after its latest epoch; None where that epoch is no rung.

    The stopping variant of ASHA: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020
    (https://arxiv.org/abs/1810.05934). With reduction factor eta, the best floor(n / eta) of n trials seen at a rung go on, but
    at least one. What differs from the paper:

    - A trial is judged once, when it reaches the rung. Algorithm 2 pauses trials and may promote them later; a trial that stopped
      here stays stopped, and one that went on is not called back.
    - Rungs are given epochs instead of r * eta^k.
    - A trial is compared by its best smoothed value up to the rung (`best_value`), not by the value at it.
    - Below ``min_trials`` trials none stops. In the paper the first arrivals wait.

    Args:
        curve: the trial's values by epoch, the latest one last.
        others: values by epoch of the other trials, one curve for each; curves that have not reached the rung are not compared.
    """
    epoch = len(curve)
    if epoch not in pruner.epochs:
        return None
    value = best_value(curve)
    seen = sorted([value, *(best_value(other[:epoch]) for other in others if len(other) >= epoch)], reverse=True)
    if len(seen) < pruner.min_trials:
        return RungDecision(epoch, value, len(seen), None)
    return RungDecision(epoch, value, len(seen), seen[max(1, len(seen) // pruner.reduction_factor) - 1])
