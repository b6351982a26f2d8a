"""What a baseline is: a system that answers pairs, and the baselines that use some of its answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from psy_agents.baselines.config import BaselinesConfig
from psy_agents.evaluation.metrics.kinds import Side
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.training.config import TrainingSettings
from psy_agents.training.data import PairData
from psy_agents.training.scoring import Answers

Answering = Callable[[PairData], Answers]
"""Answers pairs; does not read their labels and spans."""


@dataclass(frozen=True)
class BaselineSetup:
    """The parameters that baselines depend on.

    Attributes:
        refit: its seeds, resplits, calibration and thresholds are those of the baselines too.
        training: its encoder is that of the embeddings.
    """

    config: BaselinesConfig
    refit: RefitConfig
    training: TrainingSettings


@dataclass(frozen=True)
class Baseline:
    """A row of the report: the decisions or the evidence of a system.

    Attributes:
        side: what it predicts.
        uses: the sides of the system's answers that it uses. Evidence that uses both is scored as in the agents that predict both.
    """

    name: str
    side: Side
    uses: tuple[Side, ...]

    def answers(self, answers: Answers) -> Answers:
        """Those of the system's answers that this baseline uses."""
        return Answers(
            answers.probabilities_P if "criteria" in self.uses else None, answers.candidates if "evidence" in self.uses else None
        )


class System(ABC):
    """A system of one or more baselines.

    Attributes:
        baselines: that use its answers.
        chosen_on_validation: whether calibration, thresholds and decoding rule are chosen on held-out answers, as for an agent. If
            not, a probability of at least one half means yes, and every candidate span is evidence.
    """

    baselines: ClassVar[tuple[Baseline, ...]]
    chosen_on_validation: ClassVar[bool] = True

    def __init__(self, setup: BaselineSetup) -> None:
        self.setup = setup

    @classmethod
    def is_used(cls, config: BaselinesConfig) -> bool:
        """Whether the configuration asks for it."""
        return True

    def settings(self, baseline: Baseline) -> Sequence[Hashable]:
        """The settings that are tried on validation, the simplest first."""
        return (None,)

    def depends_on(self) -> Mapping[str, Any] | None:
        """What its answers depend on beside corpus and code, as plain data: its scores are stored by it. None: they are not stored."""
        return None

    @abstractmethod
    def fit(self, train: PairData, setting: Hashable) -> Answering:
        """Learn from the training pairs with one of the settings."""
