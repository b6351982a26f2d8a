"""The torture program in small, and that its checks can fail."""

import argparse
import shutil
import subprocess

import optuna
import pytest
from support.search import torture

from psy_agents.hpo.study.store import StudyStore


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study without faults, and its plan."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, torture.expected(folder)


def test_no_promise_is_broken_under_random_faults(finished, tmp_path):
    arguments = argparse.Namespace(kills=10, faults=20, seed=5, workers=2, folder=None)
    counts, wrong, studies = torture.torture(tmp_path, arguments, finished[1])
    assert wrong == []
    assert studies >= 2
    assert sum(count for name, count in counts.items() if name.startswith("parent")) >= 10
    assert sum(count for name, count in counts.items() if name.startswith("worker")) >= 20


def test_a_search_that_is_killed_before_a_write_keeps_its_promises(finished, tmp_path):
    assert torture.kill_before_writes(tmp_path, finished[1], [1, 25, 10_000]) == (2, [])


def test_a_run_that_does_not_end_as_it_should_is_seen(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(torture, "run_to_its_end", lambda folder, mark, options: torture.search(folder, **options) or 2)
    kills, wrong = torture.kill_before_writes(tmp_path, finished[1], [0])
    assert (kills, wrong) == (1, ["killed before write 0, trials: the runs ended with [2, 2]"])


def falsified(finished, tmp_path, change):
    shutil.copytree(finished[0], tmp_path / "copy")
    with StudyStore(tmp_path / "copy" / "studies.db") as store:
        change(store.study("study"), tmp_path / "copy" / "weights")
    return torture.violations(tmp_path / "copy", finished[1])


def add_trial(study, **attrs):
    trial = study.trials[0]
    state = attrs.pop("state", trial.state)
    study.add_trial(
        optuna.create_trial(
            state=state,
            value=trial.value if state is trial.state else None,
            params={**trial.params, **attrs.pop("params", {})},
            distributions=trial.distributions,
            user_attrs={**trial.user_attrs, **attrs},
        )
    )


def best_weights(weights):
    return next(weights.iterdir())


FALSIFIED = {
    "the indices are": lambda study, weights: add_trial(study, index=torture.TRIALS),
    "was run again after it was settled": lambda study, weights: add_trial(study),
    "is RUNNING": lambda study, weights: study.ask(),
    "is left unsettled": lambda study, weights: add_trial(
        study, index=torture.TRIALS, state=optuna.trial.TrialState.FAIL, failure="worker died"
    ),
    "has others than without faults": lambda study, weights: add_trial(study, seed=1),
    "does not follow from them": lambda study, weights: add_trial(study, params={"x": 0.9}),
    "are kept, the best trials are": lambda study, weights: shutil.rmtree(best_weights(weights)),
    "trial_0099.partial": lambda study, weights: (weights / "trial_0099.partial").mkdir(),
    "lacks its weights": lambda study, weights: (best_weights(weights) / "weights").unlink(),
}


@pytest.mark.parametrize("sentence", FALSIFIED)
def test_a_broken_promise_is_seen(finished, tmp_path, sentence):
    assert torture.violations(*finished) == []
    assert any(sentence in line for line in falsified(finished, tmp_path, FALSIFIED[sentence]))


def test_a_process_that_outlives_its_parent_is_seen(monkeypatch):
    monkeypatch.setenv(torture.MARK, "here")
    process = subprocess.Popen(["sleep", "100"])
    try:
        assert torture.survivors("here", patience=0.1) == [process.pid]
        assert torture.survivors("not here", patience=0.1) == []
    finally:
        process.kill()
        process.wait()
