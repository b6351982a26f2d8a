"""What a search sends to its workers. It imports no torch: the search's own process trains nothing, and starts without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psy_agents.agents.config import ModelConfig
from psy_agents.corpus.corpus import Corpus
from psy_agents.training.config import TrainingSettings

if TYPE_CHECKING:
    from psy_agents.training.trainer import TrainingData


@dataclass(frozen=True)
class SearchSetup:
    """The part of the objective that all trials of a study share; sent once to each worker.

    Attributes:
        encoders: all that its trials may have; a worker loads each once before its first trial.
        models: what its trials' models may be, as far as it depends on the encoder whether one can be made; a worker checks each.
    """

    agent: str
    settings: TrainingSettings
    corpus: Corpus
    encoders: tuple[str, ...] = field(default=(), kw_only=True)
    models: tuple[ModelConfig, ...] = field(default=(), kw_only=True)

    def new_training_data(self, corpus: Corpus | None = None, **options: Any) -> TrainingData:
        """The corpus, or a resplit of it, for this process. Options: those of `TrainingData`."""
        from psy_agents.training.allocator import keep_freed_memory
        from psy_agents.training.trainer import TrainingData

        if self.settings.keep_freed_memory:
            keep_freed_memory()
        return TrainingData(self.corpus if corpus is None else corpus, self.agent, self.settings, **options)


@dataclass(frozen=True)
class TimingSetup:
    """What processes that time steps are started with.

    Attributes:
        seconds: for which steps are timed: of a trial (`EpochTimer`) or of a round (`StepTimer`).
        largest: the trial that needs the most memory, for `StepTimer`.
    """

    search: SearchSetup
    seconds: float
    largest: Mapping[str, Any] | None = None
