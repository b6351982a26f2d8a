"""Observations: a stage's trials as the sampler of a later stage sees them.

Values never cross stages: after three epochs they mean something else than after fifteen. An observation therefore holds a normal
score, the trial's place among those of its own stage.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import Field, FiniteFloat

from psy_agents.files.schema import Schema
from psy_agents.hpo.study.topk import Scalar, TopK
from psy_agents.training.learning_curve import best_value

JUDGED = (TrialState.COMPLETE, TrialState.PRUNED)


class Observation(Schema):
    """A trial of an earlier stage."""

    study: str = Field(description="The trial's study.")
    params: dict[str, Scalar]
    score: FiniteFloat = Field(description="Its normal score within its own study; higher is better.")


Observations = tuple[Observation, ...]


def judged_value(trial: FrozenTrial) -> float:
    """What a complete or stopped trial is ranked by: the best of its smoothed curve.

    A trial that reported no epoch has its value. One that reported a value that is not finite is the worst of all.
    """
    curve = [value for _, value in sorted(trial.intermediate_values.items())] or [trial.value]
    return best_value(curve) if all(map(math.isfinite, curve)) else -math.inf


def normal_scores(values: Sequence[float]) -> list[float]:
    """``ndtri((rank - 0.5) / n)`` of each value, where rank 1 is the lowest and equal values share their mean rank."""
    return [_ndtri((rank - 0.5) / len(values)) for rank in _ranks(values)]


def observe(study: str, trials: Iterable[FrozenTrial]) -> Observations:
    """Score complete and stopped trials among each other."""
    judged = [trial for trial in trials if trial.state in JUDGED]
    scores = normal_scores([judged_value(trial) for trial in judged])
    return tuple(
        Observation(study=study, params=trial.params, score=score) for trial, score in zip(judged, scores, strict=True)
    )


def observations_of(parent: TopK, study: optuna.Study | None) -> tuple[Observations, bool]:
    """What a stage observes of its predecessor, and of all that the predecessor observed itself, the earliest stage first.

    The same list of best trials always gives the same observations: of the study, exactly the trials that the list was chosen from.

    Args:
        study: that of the list; None where the store does not hold it.

    Returns:
        The observations, and whether they are all. Without the study, or without all of the trials that the list was chosen from,
        they are only the listed trials, by their places among all.
    """
    stored = {} if study is None else {trial.number: trial for trial in study.get_trials(deepcopy=False, states=JUDGED)}
    if parent.finished is None or not stored.keys() >= set(parent.finished):
        return _of_list(parent), False
    return stored_observations(study) + observe(parent.study, [stored[number] for number in parent.finished]), True


def stored_observations(study: optuna.Study) -> Observations:
    """What a stage observed, as its study keeps it."""
    return tuple(map(Observation.model_validate, study.user_attrs.get("observations", ())))


def kept_observations(parent: TopK, studies: Iterable[optuna.Study]) -> Observations | None:
    """What a stage that was begun from the same list keeps of it: all observations, also after their own study is gone.

    Returns:
        None where no study of the store has observed exactly the trials that the list was chosen from.
    """
    if parent.finished is None:
        return None
    listed = [trial.params for trial in parent.trials]
    for study in studies:
        kept = stored_observations(study)
        own = [each.params for each in kept if each.study == parent.study]
        # The list's trials come last. A study only gains trials: as many trials are the same trials.
        if kept and kept[-1].study == parent.study and len(own) == len(parent.finished) and all(params in own for params in listed):
            return kept
    return None


def observed_studies(observations: Iterable[Observation]) -> dict[str, int]:
    """The number of observations by study, the earliest stage first."""
    counts: dict[str, int] = {}
    for each in observations:
        counts[each.study] = counts.get(each.study, 0) + 1
    return counts


def plain(observations: Iterable[Observation]) -> list[dict[str, Any]]:
    """Observations as JSON data."""
    return [each.model_dump(mode="json") for each in observations]


def _of_list(parent: TopK) -> Observations:
    """The listed trials: the best of all complete and stopped ones, as far as the list goes."""
    n_judged = parent.states.get("complete", 0) + parent.states.get("pruned", 0)
    below = n_judged - len(parent.trials)
    scores = [_ndtri((below + rank - 0.5) / n_judged) for rank in _ranks([trial.value for trial in parent.trials])]
    return tuple(
        Observation(study=parent.study, params=trial.params, score=score)
        for trial, score in zip(parent.trials, scores, strict=True)
    )


_ndtri = NormalDist().inv_cdf


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1, the mean of them for equal values. Not SciPy's: the search's process would import all of its statistics."""
    _, places, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places].tolist()
