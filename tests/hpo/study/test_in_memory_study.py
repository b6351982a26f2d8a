"""The pruner sees in the copy what it would see in the store."""

import optuna
import pytest
from optuna.trial import TrialState
from support.search.search_process import DEFAULTS, SPACE

from psy_agents.hpo.config import MedianPruner, StageConfig
from psy_agents.hpo.engine.pruner import median_pruner
from psy_agents.hpo.engine.samplers.random import Random
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.in_memory_study import InMemoryStudy

STAGE = StageConfig(name="stage1", label="test", n_trials=9, epochs=4, patience=4, pruner=MedianPruner(n_startup_trials=2))


@pytest.fixture
def study():
    """Complete, pruned, failed and running trials, as a store holds them."""
    study, space = optuna.create_study(direction="maximize"), SearchSpace.from_config(SPACE, DEFAULTS)
    for seed, state in enumerate([TrialState.COMPLETE] * 5 + [TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING]):
        study.sampler = Random().build(seed, SPACE)
        trial = study.ask()
        params = space.suggest(trial)
        for epoch in range(1, 5):
            trial.report(params["x"] * epoch, epoch)
        if state.is_finished():
            study.tell(trial, params["x"] if state is TrialState.COMPLETE else None, state=state)
    return study


def test_the_pruner_decides_as_on_the_store(study):
    copy = InMemoryStudy(study.get_trials(deepcopy=False), median_pruner(STAGE))
    study.pruner = median_pruner(STAGE)
    answers = []
    for value in (-1.0, 99.0):
        template = optuna.create_trial(state=TrialState.RUNNING)
        copy.update(study._storage.get_trial(study._storage.create_new_trial(study._study_id, template)))
        trial = optuna.Trial(study, len(study.trials) - 1)
        for epoch in range(1, 4):
            trial.report(value, epoch)
            answers.append(copy.should_stop(trial.number, epoch, value))
            assert answers[-1] == trial.should_prune()
    assert True in answers and False in answers
