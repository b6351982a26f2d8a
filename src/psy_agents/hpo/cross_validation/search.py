"""What a cross-validation runs on each fold: the stages of its search, and its refit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.cross_validation.config import CrossValidationConfig
from psy_agents.hpo.engine.samplers.random import Random
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.training.config import TrainingSettings


@dataclass(frozen=True)
class FoldSearch:
    """The search and the refit of each fold, and where they are stored.

    Attributes:
        config: the number of folds, and which stages each runs.
        stages, spaces: see `fold_stages`.
        refit: of a fold.
    """

    config: CrossValidationConfig
    stages: tuple[StageConfig, ...]
    spaces: SearchSpaceConfig
    refit: RefitConfig
    settings: TrainingSettings
    paths: StoragePaths

    @classmethod
    def of(
        cls,
        config: CrossValidationConfig,
        stages: Mapping[str, StageConfig],
        spaces: SearchSpaceConfig,
        refit: RefitConfig,
        settings: TrainingSettings,
        paths: StoragePaths,
    ) -> FoldSearch:
        """From the stages by their keys below ``hpo``, and the refit of a whole search."""
        searched, own = fold_stages(config, stages, spaces)
        return cls(config, tuple(searched), own, refit.of_fold(), settings, paths)


def fold_stages(
    config: CrossValidationConfig, stages: Mapping[str, StageConfig], spaces: SearchSpaceConfig
) -> tuple[list[StageConfig], SearchSpaceConfig]:
    """The stages of one fold's search and their spaces. They keep no weights: the refit trains its candidates again.

    Without a search it is one trial in an empty space: the refit gets the hyper-parameters of ``training.fixed``.

    Args:
        stages: by their keys below ``hpo``.
    """
    chosen = [stages[name] for name in config.stages]
    if not chosen:
        last = stages["stage2"]
        limits = last.model_dump(include={"epochs", "patience", "seed"})
        chosen = [StageConfig(name="fixed", label="", n_trials=1, sampler=Random(), workers=last.workers, **limits)]
        spaces = SearchSpaceConfig(small={}, large={})
    return [stage.model_copy(update={"keep_checkpoints": 0}) for stage in chosen], spaces
