"""The benchmark of staged search, run as a program: its budgets, and the best value over epochs and seconds."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.programs.preloaded import run_script
from support.project_copy import ROOT

METHODS = ("staged", "whole", "random", "tpe")
OPTIONS = {"--startup": 4, "--enqueue": 2, "--workers": 2, "--posts": 160, "--precision": "float32"}


def staged_search(folder: Path, *more: str) -> subprocess.CompletedProcess:
    given = [str(word) for pair in OPTIONS.items() for word in pair]
    return run_script(ROOT / "benchmarks" / "staged_search.py", "--out", str(folder), *given, *more)


def planned(folder: Path, text: str, seeds: int) -> list[dict]:
    """Seed, method and stages of each run."""
    ended = staged_search(folder, "--plan", "--stages", text, "--seeds", str(seeds))
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("text", ["6x2,8x3,10x4", "1x1,1x1,1x1", "8x3,20x10,50x15"])
def test_every_method_trains_the_stages_epochs_or_less_than_a_trial_fewer(tmp_path, text):
    budgets = [tuple(map(int, stage.split("x"))) for stage in text.split(",")]
    budget = sum(trials * epochs for trials, epochs in budgets)
    runs = planned(tmp_path, text, seeds=1)
    assert {run["method"] for run in runs} == set(METHODS)
    for run in runs:
        stages = run["stages"]
        assert all(stage["patience"] == stage["epochs"] for stage in stages)
        assert [stage["pruner"]["name"] for stage in stages] == (["none", "rungs", "rungs"] if len(stages) == 3 else ["none"])
        assert stages[-1]["epochs"] == budgets[-1][1]
        spent = sum(stage["n_trials"] * stage["epochs"] for stage in stages)
        assert budget - budgets[-1][1] < spent <= budget


def test_each_seed_runs_every_method_once_and_only_the_staged_one_refines(tmp_path):
    runs = planned(tmp_path, "6x2,8x3,10x4", seeds=3)
    turns = [(run["seed"], run["method"]) for run in runs]
    assert sorted(turns) == sorted((seed, method) for seed in range(3) for method in METHODS)
    assert len({method for _, method in turns[::4]}) == 3, "each seed begins with another"
    methods = {run["method"]: run["stages"] for run in runs if run["seed"] == 2}
    assert {method: [stage["refine"]["name"] for stage in methods[method]] for method in METHODS} == {
        "staged": ["none", "carry_over", "carry_over"],
        "whole": ["none", "none", "none"],
        "random": ["none"],
        "tpe": ["none"],
    }
    assert methods["staged"][0] == methods["whole"][0]
    assert [methods[method][-1]["sampler"]["name"] for method in METHODS] == ["gp", "gp", "random", "tpe"]
    assert {stage["seed"] for stages in methods.values() for stage in stages} == {2}
    assert {stage["space"] for stages in methods.values() for stage in stages} == {"small"}


def test_the_best_value_never_falls_and_a_trials_seconds_are_shared_by_its_epochs_and_the_workers(tmp_path):
    """Values after each epoch: 0.2 0.5 (failed) 0.4 0.3 0.7; seconds by then, with two workers: 2 4 5 6 7 8."""
    trials = [[[0.2, 0.5], 8.0], [[float("nan")], 2.0], [[0.4, 0.3, 0.7], 6.0]]
    options = {
        "agent": "criteria", "stages": [[1, 1], [1, 2], [1, 3]], "startup": 4, "enqueue": 2, "confirm": 3, "posts": 160,
        "validation": 0.15, "encoder": None, "precision": "float32", "workers": 2,
    }  # fmt: skip
    found = {"last": 0.7, "winner": {}, "again": [0.6, 0.5], "wall": 9.0}
    runs = [
        {"options": options, "seed": 0, "method": "staged", "trials": trials, **found},
        {"options": options, "seed": 0, "method": "tpe", "trials": [trials[1], trials[0]], **found, "last": 0.5, "again": [0.6]},
        {"options": {**options, "workers": 3}, "seed": 0, "method": "whole", "trials": trials, **found},
    ]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(run) + "\n" for run in runs))
    ended = staged_search(tmp_path, "--table", "--seeds", "1", "--stages", "1x1,1x2,1x3")
    assert ended.returncode == 0, ended.stderr
    assert "E = 6 epochs: 1 x 1, 1 x 2, 1 x 3; one study: 2 x 3" in ended.stdout
    tables = [table.splitlines() for table in ended.stdout.split("\n\n")[1:]]
    epochs, seconds, end, less = ({line.split()[0]: line[14:] for line in table} for table in tables)
    assert values(epochs["staged"]) == [0.2, 0.5, 0.5, 0.7]  # After 1, 3, 4 and 6 epochs.
    assert values(epochs["tpe"]) == [None, 0.5, 0.5, 0.5]  # Its first epoch failed; it trained three.
    # The least time is 5 s, that of tpe: after 1.25, 2.5, 3.75 and 5 s.
    assert values(seconds["staged"]) == [None, 0.2, 0.2, 0.5]
    assert values(seconds["tpe"]) == [None, None, 0.2, 0.5]
    assert values(end["staged"])[:3] == [0.7, 0.7, 0.55] and end["staged"].split()[-4:] == ["1", "3", "6", "9"]
    assert less["tpe"].split() == ["0.200", "(0.200-0.200)", "1,", "0,", "0", "-0.050", "(-0.050--0.050)", "0,", "0,", "1"]
    assert "whole" not in epochs


def values(cells: str) -> list[float | None]:
    """The medians of four cells; None where there is no value yet."""
    found = [cells[at : at + 22].split() for at in range(0, 88, 22)]
    return [None if not words or words[0] == "-" else float(words[0]) for words in found]


@pytest.mark.parametrize("text", ["6x2", "6x2,8x3,10", "6x2,8x3,0x4", "a,b,c"])
def test_stages_of_another_form_are_refused(tmp_path, text):
    ended = staged_search(tmp_path, "--plan", "--stages", text)
    assert ended.returncode == 2 and "argument --stages" in ended.stderr and text in ended.stderr
