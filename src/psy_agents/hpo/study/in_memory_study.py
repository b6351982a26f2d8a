"""A copy of the study in memory, from which the pruner reads. The engine is the study's only writer, so the copy is up to date."""

from __future__ import annotations

from collections.abc import Iterable

import optuna
from optuna.trial import FrozenTrial, TrialState


class InMemoryStudy:
    """Trials by their numbers, which are those of the study.

    Args:
        trials: all of the study's, in their order.
    """

    def __init__(self, trials: Iterable[FrozenTrial], pruner: optuna.pruners.BasePruner) -> None:
        self._study = optuna.create_study(direction="maximize", pruner=pruner)
        self._study.add_trials(trials)
        self._storage, self._id = self._study._storage, self._study._study_id

    def update(self, trial: FrozenTrial) -> None:
        """Take in a trial that has begun or ended."""
        if trial.number == self._storage.get_n_trials(self._id):
            self._study.add_trial(trial)
            return
        trial_id = self._trial_id(trial.number)
        if trial.state.is_finished() and self._storage.get_trial(trial_id).state is TrialState.RUNNING:
            self._storage.set_trial_state_values(trial_id, trial.state, trial.values)

    def should_stop(self, number: int, epoch: int, value: float) -> bool:
        """Take in an epoch's value; True where the pruner stops the trial."""
        trial_id = self._trial_id(number)
        self._storage.set_trial_intermediate_value(trial_id, epoch, value)
        return self._study.pruner.prune(self._study, self._storage.get_trial(trial_id))

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
