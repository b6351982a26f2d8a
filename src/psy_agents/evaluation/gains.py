"""Gains on test of choices made on held-out pairs: each metric with the choice and without it, on the same pairs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from psy_agents.evaluation.bootstrap import bootstrap, estimate_of
from psy_agents.evaluation.calibration import ProbabilityStatistics
from psy_agents.evaluation.classification import mean_of_defined
from psy_agents.evaluation.metrics.criteria.f1 import F1, f1_of
from psy_agents.evaluation.metrics.registry import OBJECTIVES
from psy_agents.evaluation.results import Estimate, Gain
from psy_agents.evaluation.scored_pairs import ScoredPairs
from psy_agents.evaluation.significance import f1_differences

CALIBRATION, THRESHOLDS = "calibration", "thresholds"


def gains(
    agent: str,
    predictions: pd.DataFrame,
    texts: Mapping[str, str],
    criteria: Sequence[str],
    *,
    units: Mapping[str, Hashable] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Gain, ...]:
    """The gain of calibration in each probability metric, and of thresholds for single criteria in F1, with its paired interval.

    A choice that was not made (temperature 1, the pooled threshold for all criteria) has no gains. An agent without probabilities
    has none. F1 has a gain in the mean over the criteria with a positive, and one for each criterion that has a separate threshold.

    Args:
        predictions: an agent's table with the columns of `psy_agents.evaluation.predictions.SCORED_SCHEMA`.
        texts: the text of each post, by post_id.
        criteria: ids of the criteria.
        units: the resampling unit of each post, by post_id; None: each post is one.
    """
    pairs = ScoredPairs.from_table(predictions, texts, criteria, units)
    if pairs.uncalibrated is None:
        return ()
    options = {"resamples": resamples, "seed": seed}
    found: list[Gain] = []
    if not np.array_equal(pairs.uncalibrated, pairs.probabilities):
        found += _calibration(agent, pairs, options)
    own_threshold = predictions["threshold"].to_numpy() != predictions["pooled_threshold"].to_numpy()
    if own_threshold.any():
        found += _thresholds(agent, pairs, criteria, set(pairs.criterion[own_threshold].tolist()))
    return tuple(found)


def _calibration(agent: str, pairs: ScoredPairs, options: Mapping[str, int]) -> Iterator[Gain]:
    sides = [ProbabilityStatistics(pairs, probabilities) for probabilities in (pairs.uncalibrated, pairs.probabilities)]

    def statistics(weights: np.ndarray) -> dict[str, np.ndarray]:
        without, chosen = (side(weights) for side in sides)
        return {metric: np.stack([without[metric], chosen[metric], chosen[metric] - without[metric]], axis=-1) for metric in without}

    for metric, found in bootstrap(statistics, pairs.units, width=len(pairs.labels), **options).items():
        difference = found[2].estimate()
        yield _gain(agent, CALIBRATION, metric, None, found.value[:2], difference)


def _thresholds(agent: str, pairs: ScoredPairs, criteria: Sequence[str], with_own_threshold: set[int]) -> Iterator[Gain]:
    chosen, without = (pairs.decision_counts(predicted)[:3] for predicted in (pairs.predicted, pairs.pooled))
    macro, by_criterion = f1_differences(chosen, without, pairs.units, may_differ=with_own_threshold)
    if macro is None:
        return
    f1 = np.stack([f1_of(*counts.sum(axis=1)) for counts in (without, chosen)])
    yield _gain(agent, THRESHOLDS, OBJECTIVES["criteria"], None, mean_of_defined(f1), macro)
    for number in sorted(with_own_threshold):
        if by_criterion[number] is not None:
            yield _gain(agent, THRESHOLDS, F1.name, criteria[number], f1[:, number], by_criterion[number])


def _gain(agent: str, choice: str, metric: str, criterion: str | None, values: np.ndarray, difference: Estimate) -> Gain:
    """The values without the choice and with it, (2,), and their difference, which alone has an interval: a paired one."""
    without, chosen = (estimate_of(value, None) for value in values)
    return Gain(agent=agent, choice=choice, metric=metric, criterion=criterion, without=without, chosen=chosen, difference=difference)
