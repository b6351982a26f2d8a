"""The plan of a whole run counts what pruning saved in earlier stages, and of a stage that spends epochs their time."""

import logging

import pytest

from psy_agents.hpo import run_stage as searching
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.estimate import pace_of
from psy_agents.hpo.plan import plan
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.survival import measure_survival

PRUNER = {"name": "rungs", "epochs": [1, 2], "reduction_factor": 2, "min_trials": 2}
KNOWN = {"agent": "criteria", "data_hash": "d", "settings_hash": "s"}
STAGE = {"name": "stage0", "label": "", "n_trials": 8, "epochs": 3, "patience": 3, "keep_checkpoints": 0, "workers": {"count": 1}}


@pytest.fixture
def measured(search):
    """A stage whose pruner has stopped trials, and the share of its epochs that this saved."""
    search.run(n_trials=8, pause=0.01, pruner=PRUNER, attributes={**KNOWN, "identity": {"stage": {"pruner": PRUNER}}})
    records = search.records()
    assert {record.state for record in records} == {"complete", "pruned"}
    return search.study(), 1 - sum(record.epochs_run for record in records) / 24


def test_the_saved_share_of_a_real_stage_is_what_its_stopped_trials_left(measured):
    study, saved = measured
    survival = measure_survival([study], *KNOWN.values(), StageConfig(**STAGE, pruner=PRUNER))
    assert survival.saved_share(StageConfig(**STAGE, pruner=PRUNER)) == pytest.approx(saved)


def test_the_plan_counts_pruning_but_not_where_epochs_are_spent(measured):
    study, saved = measured
    stages = [StageConfig(**STAGE), StageConfig(**STAGE, pruner=PRUNER), StageConfig(**STAGE, pruner=PRUNER, spend="epochs")]
    planned = plan([study], {"criteria": stages}, RefitConfig(candidates=1, n_seeds=1), "d", "s")
    whole, pruned, spent, refit = planned.stages
    hours = 24 * pace_of(study).seconds_per_epoch / 3600
    assert whole.hours[0] <= hours <= whole.hours[1]
    assert pruned.hours == pytest.approx([each * (1 - saved) for each in whole.hours]) and pruned.pruned_share == pytest.approx(saved)
    assert spent.hours == pytest.approx(whole.hours) and (spent.spend, refit.spend, refit.pruned_share) == ("epochs", "trials", 0)
    assert planned.sentence().startswith("at least 24 trials and the refits, ")
    assert planned.sentence().endswith("of weights; what pruning saves is counted as in earlier stages")
    unmeasured = plan([], {"criteria": stages[:2]}, RefitConfig(), "d", "s").sentence()
    assert unmeasured.startswith("16 trials; no epoch has been measured")


def test_a_stage_that_time_alone_ends_counts_its_time_and_a_last_trial(measured):
    study, _ = measured
    pace = pace_of(study)
    stages = [StageConfig(**STAGE), StageConfig(**{**STAGE, "n_trials": None}, timeout=7200)]
    planned = plan([study], {"criteria": stages}, RefitConfig(candidates=1, n_seeds=1), "d", "s")
    counted, timed, _ = planned.stages
    assert (timed.trials, planned.trials) == (None, counted.trials)
    assert timed.hours == pytest.approx((2, 2 + 3 * pace.quantiles[1] / 3600))
    assert planned.sentence().startswith("8 trials, and as many trials as start within 2.0 hours and the refits, about 2.0 hours")
    unmeasured = plan([], {"criteria": stages[1:]}, None, "d", "s")
    assert unmeasured.stages[0].hours == (2, 2) and unmeasured.sentence().startswith("as many trials as start within 2.0 hours; no epoch")


def test_a_stage_logs_what_pruning_saves_or_the_epochs_that_it_spends(measured, tmp_path, caplog):
    study, saved = measured
    attributes = {"data_hash": "d", "settings_hash": "s"}

    def logged(stage, name="another study"):
        caplog.clear()
        with caplog.at_level(logging.INFO, "psy_agents"):
            searching._log_estimate([study], "criteria", stage, name, attributes, tmp_path, 0, pace_of(study))
        return caplog.messages[-1]

    assert f"pruning saves {saved:.0%} of the epochs, as in earlier stages" in logged(StageConfig(**STAGE, pruner=PRUNER))
    assert "for 24 epochs, that is, at least 8 trials of at most 3 epochs, on 1 worker" in logged(StageConfig(**STAGE, spend="epochs"))
    left = round(24 * saved)
    assert f"for {left} epochs, that is, at least {left // 3} trial" in logged(StageConfig(**STAGE, spend="epochs"), "study")
    assert "no trial is left to run" in logged(StageConfig(**STAGE, pruner=PRUNER), "study")
