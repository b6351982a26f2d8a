"""Gains on test of choices made on held-out pairs: each metric with the choice and without it, on the same pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from psy_agents.evaluation.bootstrap import as_estimate, bootstrap
from psy_agents.evaluation.calibration import ProbabilityStatistics
from psy_agents.evaluation.classification import mean_of_defined
from psy_agents.evaluation.metrics.criteria.f1 import F1
from psy_agents.evaluation.metrics.kinds import Counts
from psy_agents.evaluation.metrics.registry import OBJECTIVES
from psy_agents.evaluation.results import Gain
from psy_agents.evaluation.scored_pairs import ScoredPairs

CALIBRATION, THRESHOLDS = "calibration", "thresholds"


def gains(
    agent: str,
    predictions: pd.DataFrame,
    texts: Mapping[str, str],
    criteria: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Gain, ...]:
    """The gain of calibration in each probability metric, and of thresholds for single criteria in F1, with intervals by post.

    A choice that was not made (temperature 1, the pooled threshold for all criteria) has no gains. An agent without probabilities
    has none. F1 has a gain in the mean over the criteria with a positive, and one for each criterion that has a separate threshold.

    Args:
        predictions: an agent's table with the columns of `psy_agents.evaluation.predictions.SCORED_SCHEMA`.
        texts: the text of each post, by post_id.
        criteria: ids of the criteria.
    """
    pairs = ScoredPairs.from_table(predictions, texts, criteria)
    if pairs.uncalibrated is None:
        return ()
    options = {"resamples": resamples, "seed": seed}
    found: list[Gain] = []
    if not np.array_equal(pairs.uncalibrated, pairs.probabilities):
        found += _calibration(agent, pairs, options)
    own_threshold = predictions["threshold"].to_numpy() != predictions["pooled_threshold"].to_numpy()
    if own_threshold.any():
        found += _thresholds(agent, pairs, criteria, set(pairs.criterion[own_threshold].tolist()), options)
    return tuple(found)


def _calibration(agent: str, pairs: ScoredPairs, options: Mapping[str, int]) -> Iterator[Gain]:
    sides = [ProbabilityStatistics(pairs, probabilities) for probabilities in (pairs.uncalibrated, pairs.probabilities)]

    def statistics(weights: np.ndarray) -> dict[str, np.ndarray]:
        without, chosen = (side(weights) for side in sides)
        return {metric: _with_difference(without[metric], chosen[metric]) for metric in without}

    for metric, values in bootstrap(statistics, pairs.n_posts, width=len(pairs.labels), **options).items():
        yield _gain(agent, CALIBRATION, metric, None, values)


def _thresholds(
    agent: str, pairs: ScoredPairs, criteria: Sequence[str], with_own_threshold: set[int], options: Mapping[str, int]
) -> Iterator[Gain]:
    sides = [pairs.decision_counts(predicted) for predicted in (pairs.pooled, pairs.predicted)]

    def statistics(weights: np.ndarray) -> dict[str, np.ndarray]:
        without, chosen = (F1.compute(Counts(*(weights @ counts))) for counts in sides)
        macro = _with_difference(mean_of_defined(without), mean_of_defined(chosen))
        return {OBJECTIVES["criteria"]: macro, F1.name: _with_difference(without, chosen)}

    width = max(pairs.n_posts, 6 * pairs.n_criteria)
    estimated = bootstrap(statistics, pairs.n_posts, width=width, **options)
    macro = estimated[OBJECTIVES["criteria"]]
    if not np.isnan(macro[0]).any():
        yield _gain(agent, THRESHOLDS, OBJECTIVES["criteria"], None, macro)
    for number in sorted(with_own_threshold):
        if not np.isnan(values := estimated[F1.name][:, number])[0].any():
            yield _gain(agent, THRESHOLDS, F1.name, criteria[number], values)


def _with_difference(without: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Stack both and their difference; (..., 3)."""
    return np.stack([without, chosen, chosen - without], axis=-1)


def _gain(agent: str, choice: str, metric: str, criterion: str | None, values: np.ndarray) -> Gain:
    without, chosen, difference = map(as_estimate, values.T)
    return Gain(
        agent=agent, choice=choice, metric=metric, criterion=criterion, without=without, chosen=chosen, difference=difference
    )
