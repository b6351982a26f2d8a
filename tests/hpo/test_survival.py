"""What a pruner saves is measured where trials of the same agent could be stopped, and carried to other rungs and lengths."""

from types import SimpleNamespace

import pytest

from psy_agents.hpo import survival
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.study.records import TrialRecord
from psy_agents.hpo.survival import Survival, measure_survival

RUNGS = {"name": "rungs", "epochs": [2, 5], "reduction_factor": 3, "min_trials": 4}


def stage(epochs, pruner=RUNGS):
    return StageConfig(name="stage1", label="coarse", n_trials=20, epochs=epochs, patience=epochs, pruner=pruner)


@pytest.fixture
def studies(monkeypatch):
    """Makes a study of trials that ended so after so many epochs, under a pruner that any version may have stored."""
    monkeypatch.setattr(survival, "stage_records", lambda study: study.records)

    def study(epochs, *ended, pruner=RUNGS, agent="criteria", data="d", settings="s"):
        records = [TrialRecord(i, i, {}, 0, state, epochs_run=run) for i, (state, run) in enumerate(ended)]
        attrs = {"agent": agent, "data_hash": data, "settings_hash": settings, "epochs": epochs, "identity": {"stage": {"pruner": pruner}}}
        return SimpleNamespace(user_attrs=attrs, records=records)

    return study


def expected_share(epochs, rates):
    """Of the epochs that a trial trains, written out: up to the first rung all, up to the next one those that went on, and so on."""
    trained, alive, last = 0.0, 1.0, 0
    for rung, rate in rates.items():
        trained, alive, last = trained + alive * (rung - last), alive * rate, rung
    return (trained + alive * (epochs - last)) / epochs


def test_the_rates_at_the_rungs_give_the_epochs_of_a_longer_stage(studies):
    ended = [("pruned", 2)] * 5 + [("pruned", 5)] * 2 + [("complete", 10)] * 3 + [("failed", 2)]
    measured = measure_survival([studies(10, *ended)], "criteria", "d", "s", stage(15))
    assert measured == Survival({2: 10, 5: 5}, {2: 5, 5: 2}, 10)
    assert measured.saved_share(stage(15)) == pytest.approx(1 - expected_share(15, {2: 0.5, 5: 0.6}))
    trained = sum(epochs for _, epochs in ended[:-1])
    assert measured.saved_share(stage(10)) == pytest.approx(1 - trained / 100), "of the same stage what it saved"
    assert measured.saved_share(stage(4)) == pytest.approx(1 - expected_share(4, {2: 0.5})), "later rungs do nothing"
    assert measured.saved_share(stage(2)) == 0


def test_other_rungs_have_the_rate_of_all_rungs_and_stages_add_up(studies):
    one, two = studies(10, ("pruned", 2), ("complete", 10)), studies(3, ("pruned", 2), ("pruned", 2), ("complete", 3), ("complete", 1))
    measured = measure_survival([one, two], "criteria", "d", "s", stage(15))
    assert measured == Survival({2: 5, 5: 1}, {2: 3}, 6)
    other = stage(9, RUNGS | {"epochs": [3]})
    assert measured.saved_share(other) == pytest.approx(1 - expected_share(9, {3: 0.5}))


@pytest.mark.parametrize(
    "other",
    [
        {"agent": "share"}, {"data": "e"}, {"settings": "t"}, {"pruner": {"name": "none"}},
        {"pruner": {"name": "median", "n_startup_trials": 5, "warmup_ratio": 1 / 3}},
    ],
)  # fmt: skip
def test_other_agents_corpora_settings_and_pruners_do_not_count(studies, other):
    assert measure_survival([studies(10, ("pruned", 2), **other)], "criteria", "d", "s", stage(15)) is None


def test_nothing_is_measured_before_a_trial_could_be_stopped_or_without_a_pruner(studies):
    assert measure_survival([studies(10, ("complete", 1)), studies(2, ("complete", 2))], "criteria", "d", "s", stage(15)) is None
    assert measure_survival([studies(10, ("pruned", 2))], "criteria", "d", "s", stage(15, {"name": "none"})) is None


def test_a_pruner_with_a_relative_warm_up_counts_at_its_own_number_of_epochs(studies):
    median = {"name": "median", "n_startup_trials": 5, "warmup_ratio": 0.5}
    study = studies(4, ("pruned", 3), ("complete", 4), pruner=median)
    measured = measure_survival([study], "criteria", "d", "s", stage(4, median))
    assert measured.saved_share(stage(4, median)) == pytest.approx(1 / 8)
    assert measure_survival([study], "criteria", "d", "s", stage(8, median)) is None
