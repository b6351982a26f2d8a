"""The scores of the baselines."""

from __future__ import annotations

from psy_agents.baselines.config import BaselinesConfig
from psy_agents.corpus.corpus import Corpus
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.training.config import TrainingSettings


def score_baselines(
    corpus: Corpus, config: BaselinesConfig, refit: RefitConfig, training: TrainingSettings
) -> dict[str, dict[str, float]]:
    """Score every baseline on validation, the split that a search optimises, unless the scores are stored."""
    from psy_agents.baselines.stored import validation_scores
    from psy_agents.baselines.system import BaselineSetup

    return validation_scores(corpus, BaselineSetup(config, refit, training))
