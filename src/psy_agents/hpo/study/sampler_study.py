"""The study that a sampler reads: earlier stages' observations, then the stage's own trials, all by normal scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.observations import JUDGED, Observation, judged_value, normal_scores


class SamplerStudy:
    """Proposes a stage's trials.

    Optuna's TPE puts every stopped trial behind all complete ones, and weighs trials by their numbers. Here stopped and complete trials
    are ranked together and given as complete ones, and earlier stages come first. Nothing but observations and trials is kept between
    two proposals, so a resumed stage proposes what an uninterrupted one proposes.

    Args:
        space: of the stage.
        earlier: observations of earlier stages, the earliest first, with the scores that they shall have here.
    """

    def __init__(self, space: SearchSpace, earlier: Iterable[Observation] = ()) -> None:
        self._space = space
        self._earlier = [(space.allowed(each.params), each.score) for each in earlier]
        self._judged: dict[int, float] = {}  # By trial number: a long stage must not smooth all its curves for each proposal.

    def propose(
        self, sampler: optuna.samplers.BaseSampler, ended: Iterable[FrozenTrial], running: Iterable[FrozenTrial] = ()
    ) -> dict[str, Any]:
        """Parameters of the stage's next trial.

        Args:
            ended: the stage's last attempt of each finished index, by index. Failed ones are left out.
            running: the stage's running trials, for a sampler that keeps away from them.
        """
        return self._space.suggest(self.study(sampler, ended, running).ask())

    def study(
        self, sampler: optuna.samplers.BaseSampler, ended: Iterable[FrozenTrial], running: Iterable[FrozenTrial] = ()
    ) -> optuna.Study:
        """A new study in memory from which the sampler proposes once."""
        judged = [trial for trial in ended if trial.state in JUDGED]
        scores = normal_scores([self._value(trial) for trial in judged])
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for params, score in self._earlier:
            self._add(study, params, score)
        for trial, score in zip(judged, scores, strict=True):
            self._add(study, trial.params, score)
        for trial in running:
            self._add(study, trial.params, None)
        return study

    def _value(self, trial: FrozenTrial) -> float:
        if trial.number not in self._judged:
            self._judged[trial.number] = judged_value(trial)
        return self._judged[trial.number]

    def _add(self, study: optuna.Study, params: Mapping[str, Any], score: float | None) -> None:
        """Add a complete trial, or a running one without a score."""
        trial = _Fixed(
            number=-1,
            trial_id=-1,
            state=TrialState.RUNNING if score is None else TrialState.COMPLETE,
            value=score,
            datetime_start=None,
            datetime_complete=None,
            params=dict(params),
            distributions=self._space.distributions(params),
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
        # Not by study.add_trial, which validates what the space already has.
        study._storage.create_new_trial(study._study_id, template_trial=trial)


class _Fixed(FrozenTrial):
    """A trial that is made for one study and may be its own copy: deep copies take longer than the proposal."""

    def __deepcopy__(self, _: dict[int, Any]) -> _Fixed:
        return self
