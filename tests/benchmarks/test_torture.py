"""The torture program in small, and that it sees every kind of violation. Tests run it as a process and read what it prints."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import optuna
import pytest
from support.programs import preloaded
from support.project_copy import ROOT
from support.waiting import PATIENCE

from psy_agents.hpo.study.store import StudyStore

BENCHMARKS = ROOT / "benchmarks"
TRIALS = 10


def run(*words: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run([sys.executable, *words], env=env, cwd=BENCHMARKS, capture_output=True, text=True, timeout=PATIENCE)


def torture(*options: str) -> subprocess.CompletedProcess:
    return preloaded.run_script(BENCHMARKS / "torture.py", *options, cwd=BENCHMARKS)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study without faults."""
    folder = tmp_path_factory.mktemp("finished")
    ended = torture("--search", str(folder), json.dumps({"seed": 0, "workers": 1, "faulty": 0.0}))
    assert ended.returncode == 0, ended.stderr
    return folder


def test_no_promise_is_broken_under_random_faults_and_kills_before_a_write():
    ended = torture("--kills", "4", "--faults", "8", "--seed", "5", "--workers", "2", "--writes", "25", "10000")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    studies, *lines = ended.stdout.splitlines()
    counts = {name: int(count) for count, name in (line.split(maxsplit=1) for line in lines)}
    assert int(studies.split()[0]) >= 1
    assert counts.pop("parent killed before a write to the store") == 1, "write 10,000 is beyond the last one"
    assert counts.pop("violations") == 0
    assert sum(count for name, count in counts.items() if name.startswith("parent")) >= 4
    assert sum(count for name, count in counts.items() if name.startswith("worker")) >= 8


# Runs of the program end as they should, so this one ends otherwise.
ENDS_WITH_2 = """
import sys
from pathlib import Path
import torture

def run_to_its_end(folder, mark, options):
    torture.search(folder, **options)
    return 2

if __name__ == "__main__":
    torture.run_to_its_end = run_to_its_end
    print(torture.kill_before_writes(Path(sys.argv[2]), torture.plan_of(Path(sys.argv[1])), [0]))
"""


def test_a_run_that_does_not_end_as_it_should_is_seen(finished, tmp_path):
    ended = run("-c", ENDS_WITH_2, str(finished), str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "(1, ['killed before write 0, trials: the runs ended with [2, 2]'])\n"


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
    "the indices are": lambda study, weights: add_trial(study, index=TRIALS),
    "was run again after it was settled": lambda study, weights: add_trial(study),
    "is RUNNING": lambda study, weights: study.ask(),
    "is left unsettled": lambda study, weights: add_trial(study, index=TRIALS, state=optuna.trial.TrialState.FAIL, failure="worker died"),
    "has others than without faults": lambda study, weights: add_trial(study, seed=1),
    "does not follow from them": lambda study, weights: add_trial(study, params={"x": 0.9}),
    "are kept, the best trials are": lambda study, weights: shutil.rmtree(best_weights(weights)),
    "trial_0099.partial": lambda study, weights: (weights / "trial_0099.partial").mkdir(),
    "lacks its weights": lambda study, weights: (best_weights(weights) / "weights").unlink(),
}


@pytest.fixture(scope="module")
def checked(finished, tmp_path_factory):
    """What the program prints of the falsified copies of a study, in one run."""
    root = tmp_path_factory.mktemp("falsified")
    folders = [root / str(number) for number in range(len(FALSIFIED))]
    for folder, change in zip(folders, FALSIFIED.values(), strict=True):
        shutil.copytree(finished, folder)
        with StudyStore(folder / "studies.db") as store:
            change(store.study("study"), folder / "weights")
    ended = torture("--check", str(finished), *map(str, folders))
    assert ended.returncode == 1, ended.stderr
    lines = ended.stdout.splitlines()
    return {
        sentence: [line for line in lines if line.startswith(f"{folder}: ")] for sentence, folder in zip(FALSIFIED, folders, strict=True)
    }


@pytest.mark.parametrize("sentence", FALSIFIED)
def test_a_broken_promise_is_seen(checked, sentence):
    assert any(sentence in line for line in checked[sentence])


def test_a_study_without_faults_has_no_violations(finished):
    ended = torture("--check", str(finished), str(finished))
    assert (ended.returncode, ended.stdout) == (0, "0 violations\n")


SURVIVORS = "import torture; print(torture.survivors('here', patience=0.1), torture.survivors('not here', patience=0.1))"


def test_a_process_that_outlives_its_parent_is_seen():
    process = subprocess.Popen(["sleep", "100"], env={**os.environ, "PSY_AGENTS_TORTURE": "here"})
    try:
        ended = run("-c", SURVIVORS)
        assert ended.stdout == f"[{process.pid}] []\n", ended.stderr
    finally:
        process.kill()
        process.wait()
