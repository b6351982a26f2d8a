"""Which candidate wins over the seeds, which runs a halving makes, and what its numbers mean."""

import statistics
from dataclasses import replace

import pytest
from pydantic import ValidationError
from support.small_search import best_trials, training_settings

from psy_agents.errors import UserError
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.confirming import Confirmation, ConfirmingSchedule, ranked, winner_of
from psy_agents.hpo.study.records import TrialRecord
from psy_agents.training.learning_curve import best_epoch, best_value


def run(number: int, curve: tuple[float, ...] | None) -> TrialRecord:
    """None is a run that failed."""
    record = TrialRecord(number, number, {}, seed=11, state="failed", failure="diverged")
    if curve is None:
        return record
    return replace(record, state="complete", failure=None, value=best_value(curve), best_epoch=best_epoch(curve), curve=curve)


def confirmed(*curves: tuple[float, ...] | None, candidate: int = 0, resplit: bool = True) -> Confirmation:
    return Confirmation(candidate, tuple(run(i, curve) for i, curve in enumerate(curves)), resplit)


@pytest.fixture(scope="module")
def top(corpus, encoder):
    return best_trials("criteria", corpus, training_settings(encoder), *({"learning_rate": rate} for rate in (1e-3, 2e-3, 3e-3)))


FIRST, SECOND = (0.1, 0.5, 0.3, 0.3, 0.2), (0.1, 0.1, 0.2, 0.9, 0.8)


def test_candidate_and_epochs_are_chosen_together_on_the_smoothed_mean_curve(top):
    each = confirmed(FIRST, SECOND)
    assert [best_epoch(FIRST), best_epoch(SECOND)] == [3, 5]
    # Means: 0.1, 0.3, 0.25, 0.6, 0.5; smoothed, the fifth is the mean of 0.6 and twice 0.5.
    assert each.epochs == 5 and each.mean == pytest.approx((0.6 + 0.5 + 0.5) / 3)
    summary = each.summary(top.trials[0])
    assert summary.values == pytest.approx(((0.3 + 0.2 + 0.2) / 3, (0.9 + 0.8 + 0.8) / 3)) and summary.best_epochs == (3, 5)
    assert summary.mean == pytest.approx(statistics.mean(summary.values))
    assert summary.standard_deviation == pytest.approx(statistics.stdev(summary.values)) and summary.epochs == 5
    steady = confirmed((0.5, 0.6, 0.55), (0.5, 0.6, 0.55), candidate=1)
    lucky = confirmed((0.9, 0.1, 0.1), (0.1, 0.1, 0.9), candidate=0)
    assert winner_of([lucky, steady], "study") is steady, "the best epochs of both its seeds are higher, its mean curve is lower"


def test_without_resplits_the_mean_of_the_best_values_wins_and_the_median_of_the_best_epochs_is_trained(top):
    each = confirmed(FIRST, SECOND, resplit=False)
    assert each.epochs == 4 and each.mean == pytest.approx((best_value(FIRST) + best_value(SECOND)) / 2)
    assert [each.answered_epoch(run) for run in each.runs] == [3, 5], "each run's own best"
    assert each.summary(top.trials[0]).values == pytest.approx((best_value(FIRST), best_value(SECOND)))


def test_the_winner_is_the_best_on_average_not_that_of_the_luckiest_seed():
    def of(candidate, *values):
        return confirmed(*((value,) for value in values), candidate=candidate)

    assert winner_of([of(0, 0.9, 0.1), of(1, 0.6, 0.7), of(2, 0.5, 0.5)], "study").candidate == 1
    assert winner_of([of(0, 0.6, 0.6), of(1, 0.5, 0.7), of(2, 0.6, 0.6)], "study").candidate == 0, "of equals the searched order"


def test_a_candidate_that_failed_with_a_seed_loses_to_all_that_did_not(top):
    """Its one value has no deviation."""
    once, whole, worse = confirmed((0.9,), None), confirmed((0.2,), (0.2,), candidate=1), confirmed((0.1,), (0.1,), candidate=2)
    assert ranked([once, worse, whole]) == [whole, worse, once]
    summary = once.summary(top.trials[0])
    assert (summary.values, summary.mean, summary.standard_deviation, summary.best_epochs) == ((0.9, None), 0.9, None, (1, None))
    never = confirmed(None, None)
    assert winner_of([never, replace(once, candidate=2)], "study").candidate == 2
    assert never.summary(top.trials[0]).mean is never.summary(top.trials[0]).epochs is None
    with pytest.raises(UserError, match="^Every confirming run of study failed, so there is nothing to refit"):
        winner_of([never, replace(never, candidate=1)], "study")


def followed(config: RefitConfig, quality: list[float], fails: tuple[tuple[int, int], ...] = ()) -> list[list[tuple[int, int]]]:
    """The rounds of a schedule in which a candidate's value is its quality; ``fails``: runs that fail."""
    schedule, rounds, asked = ConfirmingSchedule(config, len(quality)), [], []
    while further := schedule.further(asked, [run(i, None if each in fails else (quality[each[0]],)) for i, each in enumerate(asked)]):
        asked += further
        rounds.append(further)
    assert len(asked) == schedule.total == config.confirming_runs(len(quality))
    return rounds


def test_without_halving_all_candidates_run_with_all_seeds_at_once():
    (only,) = followed(RefitConfig(candidates=2, n_seeds=2), [0.1, 0.2])
    assert only == [(0, 11), (1, 11), (0, 23), (1, 23)]
    assert RefitConfig().confirming_runs(8) == 25 and RefitConfig().confirming_runs(3) == 15


def test_halving_trains_the_best_so_far_with_each_further_seed():
    config = RefitConfig(halving="4-2-1", n_seeds=4)
    rounds = followed(config, [0.1, 0.4, 0.2, 0.3])
    assert rounds == [[(0, 11), (1, 11), (2, 11), (3, 11)], [(1, 23), (3, 23)], [(1, 47), (1, 83)]]
    failed = followed(config, [0.1, 0.4, 0.2, 0.3], fails=((1, 11),))
    assert failed[1:] == [[(2, 23), (3, 23)], [(3, 47), (3, 83)]], "a candidate that failed goes before all others"
    assert RefitConfig(halving=(12, 6, 3, 2)).confirming_runs(20) == 25
    assert RefitConfig(halving=(12, 6, 3, 2)).candidates_by_seed(8) == (8, 6, 3, 2, 2), "the top-k lists eight"
    assert RefitConfig(halving=(12, 6, 3, 2)).most_candidates == 12 and RefitConfig().most_candidates == 5


def test_seeds_are_fixed_and_different_and_halving_only_falls():
    assert RefitConfig(n_seeds=3).fixed_seeds == (11, 23, 47)
    assert RefitConfig(halving="12-6-3-2") == RefitConfig(halving=[12, 6, 3, 2])
    for wrong, message in [
        ({"seeds": [1, 1], "n_seeds": 2}, "a seed twice"),
        ({"n_seeds": 6}, "only 5 seeds"),
        ({"n_seeds": 0}, "n_seeds"),
        ({"halving": "4-6"}, "no candidate comes back"),
        ({"halving": "4-2", "n_seeds": 1}, "2 numbers, but there are 1 seeds"),
        ({"halving": "many"}, "numbers joined by hyphens, such as 12-6-3-2"),
        ({"halving": "4-0"}, "halving"),
        ({"halving": []}, "halving"),
    ]:
        with pytest.raises(ValidationError, match=message):
            RefitConfig(**wrong)
