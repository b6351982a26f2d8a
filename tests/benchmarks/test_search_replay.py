"""The replay of the search, run as a program on a small table of made-up trials: its runs, and its figures by hand."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from support.programs.preloaded import run_script
from support.project_copy import ROOT

METHODS = ("random", "tpe", "univariate", "today", "new_tpe", "new", "new_spend")
EPOCHS = 15
SPACE = {
    "rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "depth": {"type": "int", "low": 1, "high": 4},
    "kind": {"type": "categorical", "choices": ["a", "b"]},
    "decay": {"type": "float", "low": 0.0, "high": 1.0, "when": {"kind": ["b"]}},
}


def search_replay(*words: str) -> str:
    ended = run_script(ROOT / "benchmarks" / "search_replay.py", *words)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def training(point: int, seed: int, split: int, draws: random.Random) -> dict:
    """A curve that climbs to a height which depends on the rate alone, with noise of epochs."""
    chosen = random.Random(point)
    params = {"rate": 10 ** chosen.uniform(-4, 0), "depth": chosen.randint(1, 4), "kind": chosen.choice("ab")}
    if params["kind"] == "b":
        params["decay"] = chosen.random()
    height = 0.6 - 0.05 * (math.log10(params["rate"]) + 2) ** 2
    curve = [height * (1 - math.exp(-epoch / 4)) for epoch in range(1, EPOCHS + 1)]
    values = {name: [value + draws.gauss(0, 0.004) for value in curve] for name in ("validation", "test")}
    return {"point": point, "seed": seed, "split": split, "params": params, "failed": None, **values}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """A table, the folder of its finished replay, and what the program printed."""
    folder, draws = tmp_path_factory.mktemp("replayed"), random.Random(0)
    runs = [training(point, 1, point % 3, draws) for point in range(40)]
    runs += [training(point, 2, (point + more) % 3, draws) for point in range(8) for more in (0, 1)]
    defaults = {"rate": 0.01, "depth": 2, "kind": "a", "decay": 0.5}
    table = folder / "made_up.jsonl"
    lines = [{"space": SPACE, "defaults": defaults, "epochs": EPOCHS}, *runs]
    table.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return table, folder / "out", search_replay(*options(table, folder / "out"))


def options(table: Path, out: Path) -> list[str]:
    run = ["--out", str(out), "--table", str(table), "--noise", "middle", "--draws", "1", "--processes", "1"]
    return [*run, "--methods", *reversed(METHODS)]  # The quickest last.


def read(out: Path) -> dict[str, dict]:
    return {run["method"]: run for run in map(json.loads, (out / "runs.jsonl").read_text().splitlines())}


def test_each_method_keeps_to_its_plan_of_trials_and_epochs(replayed):
    runs = read(replayed[1])
    assert set(runs) == set(METHODS)
    trials = {method: [stage[0] for stage in run["stages"]] for method, run in runs.items()}
    assert trials["random"] == trials["tpe"] == trials["univariate"] == [64]
    assert trials["today"] == trials["new_tpe"] == trials["new"] == [8, 20, 50]
    assert trials["new_spend"][0] == 8 and trials["new_spend"][1] > 20 and trials["new_spend"][2] > 50
    epochs = {method: [stage[2] for stage in run["stages"]] for method, run in runs.items()}
    assert epochs["random"] == epochs["tpe"] == [64 * EPOCHS]
    assert all(used <= most for used, most in zip(epochs["new_spend"], (24, 200, 750), strict=True))
    assert sum(epochs["new"]) < sum(epochs["new_spend"])
    for run in runs.values():
        assert run["epochs"] == sorted(run["epochs"]) and run["epochs"][-1] == sum(stage[2] for stage in run["stages"])
        assert len(run["truths"]) == len(run["epochs"]) == sum(stage[0] for stage in run["stages"])


def test_a_table_gives_the_quality_of_its_curves_and_its_noise(replayed):
    line = replayed[2].splitlines()[0]
    assert line.startswith("made_up: R² on points not seen 0.9")
    unit = float(line.split("a unit is ")[1].split()[0])
    epoch = float(line.split("epoch ")[1])
    assert epoch * unit == pytest.approx(0.004, rel=0.25), "what was added to each epoch"


def test_the_same_command_runs_nothing_twice_and_replaces_a_half_written_line(replayed):
    table, out, _ = replayed
    log = out / "runs.jsonl"
    whole = log.read_text()
    lines = whole.splitlines(keepends=True)
    log.write_text("".join(lines[:-1]) + lines[-1][:50])
    search_replay(*options(table, out))
    assert log.read_text() == whole


def test_methods_are_compared_after_equal_epochs(tmp_path, replayed):
    """Random has 0.1 after 30 epochs and 0.3 after 45; the new search trained 40 epochs and has 0.25."""
    table = replayed[0]
    shared = {"task": table.stem, "noise": "middle"}
    runs = []
    for draw in range(4):
        best = 0.05 if draw == 3 else 0.25
        random_run = {"stages": [[3, 3, 45]], "epochs": [15, 30, 45], "truths": [0.0, 0.1, 0.3]}
        new = {"stages": [[2, 1, 10], [2, 1, 30]], "epochs": [5, 10, 25, 40], "truths": [None, 0.1, 0.2, best]}
        for method, run in (("random", random_run), ("new", new)):
            runs.append({**shared, "draw": draw, "method": method, **run, "truths_before": run["truths"]})
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(run) + "\n" for run in runs))
    printed = search_replay("--out", str(tmp_path), "--table", str(table), "--noise", "middle", "--draws", "4", "--show")
    (line,) = [line.split() for line in printed.splitlines() if line.startswith("new - random")]
    assert line[3:5] == ["4", "+0.1500"] and line[-1] == "75%"
    assert float(line[-2]) == pytest.approx(0.1)
