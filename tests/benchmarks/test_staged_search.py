"""The accounts of the benchmark of staged search: budgets, and the best value over epochs and seconds."""

import argparse
import math

import numpy as np
import pytest
import staged_search

Budget, Trial = staged_search.Budget, staged_search.Trial

NAN = float("nan")
TRIALS = [Trial([0.2, 0.5], 8.0), Trial([NAN], 2.0), Trial([0.4, 0.3, 0.7], 6.0)]


def arguments(text: str) -> argparse.Namespace:
    return argparse.Namespace(stages=staged_search.parse_stages(text), startup=4, top=3, enqueue=2, workers=2)


def test_the_best_value_never_falls_and_a_failed_trial_costs_its_epochs_only():
    best = staged_search.best_so_far(TRIALS)
    values = [0.2, 0.5, NAN, 0.4, 0.3, 0.7]
    assert best.tolist() == [max(v for v in values[: i + 1] if not math.isnan(v)) for i in range(len(values))]
    assert np.isnan(staged_search.best_so_far(TRIALS[1:])[0])


def test_a_trials_seconds_are_shared_by_its_epochs_and_the_workers():
    assert staged_search.seconds_so_far(TRIALS, workers=2).tolist() == [2, 4, 5, 6, 7, 8]


def test_the_best_value_at_a_time_is_the_last_one_known_then():
    best, seconds = staged_search.best_so_far(TRIALS), staged_search.seconds_so_far(TRIALS, workers=2)
    found = [staged_search.after_seconds(best, seconds, limit) for limit in (2, 3.9, 4, 7.5, 8, 100)]
    assert found == [0.2, 0.2, 0.5, 0.5, 0.7, 0.7]
    assert math.isnan(staged_search.after_seconds(best, seconds, 1.9))
    assert [staged_search.after_epochs(best, epochs) for epochs in (1, 2.9, 6, 50)] == [0.2, 0.5, 0.7, 0.7]


@pytest.mark.parametrize("text", ["6x2,8x3,10x4", "1x1,1x1,1x1", "8x3,20x10,50x15"])
def test_every_method_trains_the_stages_epochs_or_less_than_a_trial_fewer(text):
    options = arguments(text)
    budget = sum(int(trials) * int(epochs) for trials, epochs in (stage.split("x") for stage in text.split(",")))
    for method in staged_search.METHODS:
        stages = staged_search.studies(method, 0, options)
        assert all(stage.patience == stage.epochs and stage.pruner.name == "none" for stage in stages)
        assert stages[-1].epochs == options.stages[-1].epochs
        spent = sum(stage.n_trials * stage.epochs for stage in stages)
        assert budget - options.stages[-1].epochs < spent <= budget


def test_only_the_staged_method_refines_and_its_first_stage_is_that_of_the_other_one():
    methods = {method: staged_search.studies(method, 3, arguments("6x2,8x3,10x4")) for method in staged_search.METHODS}
    refined = {method: [stage.refine.method for stage in stages] for method, stages in methods.items()}
    assert refined == {
        "staged": ["none", "bounding_box", "bounding_box"],
        "whole": ["none", "none", "none"],
        "random": ["none"],
        "tpe": ["none"],
    }
    assert methods["staged"][0] == methods["whole"][0]
    assert [stages[-1].sampler.name for stages in methods.values()] == ["tpe", "tpe", "random", "tpe"]


@pytest.mark.parametrize("text", ["6x2", "6x2,8x3,10", "6x2,8x3,0x4", "a,b,c"])
def test_stages_of_another_form_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        staged_search.parse_stages(text)


def test_each_seed_runs_every_method_once_and_begins_with_another():
    turns = staged_search.turns(3, staged_search.METHODS)
    assert sorted(turns) == sorted((seed, method) for seed in range(3) for method in staged_search.METHODS)
    assert len({method for _, method in turns[::4]}) == 3
