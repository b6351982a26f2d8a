"""The table of real trials, made as a program with a tiny encoder: its trainings, what it holds, and that it continues."""

from __future__ import annotations

import json
import subprocess

import pandas as pd
import pytest
from support.programs.preloaded import run_script
from support.project_copy import ROOT

EPOCHS = 2


@pytest.fixture(scope="module")
def trial_table(tiny_encoder):
    def run(table, *more: str) -> subprocess.CompletedProcess:
        given = ["--encoder", str(tiny_encoder), "--posts", "40", "--epochs", str(EPOCHS), "--splits", "2", "--again", "0.5"]
        options = ["--out", str(table), "--precision", "float32", *given, "--device", "cpu", *more]
        return run_script(ROOT / "benchmarks" / "trial_table.py", *options)

    return run


@pytest.fixture(scope="module")
def made(trial_table, tmp_path_factory):
    table = tmp_path_factory.mktemp("table") / "share.jsonl"
    ended = trial_table(table, "--agent", "share", "--points", "2")
    assert ended.returncode == 0, ended.stderr
    return table


def test_points_are_trained_and_some_again_with_another_seed_and_on_another_split(made):
    head, *runs = map(json.loads, made.read_text().splitlines())
    assert head["agent"] == "share" and head["epochs"] == EPOCHS
    assert [(run["point"], run["split"]) for run in runs] == [(0, 0), (0, 0), (0, 1), (1, 1)]
    first, again, elsewhere, other = runs
    assert first["params"] == again["params"] == elsewhere["params"] != other["params"]
    assert first["seed"] != again["seed"] == elsewhere["seed"]
    assert set(first["params"]) <= set(head["space"])
    for run in runs:
        assert run["failed"] is None and run["seconds"] > 0
        assert len(run["validation"]) == len(run["test"]) == EPOCHS
        for split in ("validation", "test"):
            metrics = run[f"{split}_metrics"]
            weighted = [(f1 + token_f1) / 2 for f1, token_f1 in zip(metrics["macro_f1"], metrics["token_f1"], strict=True)]
            assert weighted == pytest.approx(run[split], abs=1e-3), "the objective is made of the metrics"


def test_the_table_holds_no_text_and_no_id(made):
    posts = pd.read_csv(ROOT / "data/01_raw/synthetic/posts.csv", dtype=str)
    text = made.read_text()
    assert not any(str(post) in text for post in posts["post_id"])
    assert not any(word in text for post in posts["text"] for word in post.split() if len(word) > 14)


def test_the_same_command_continues_and_another_agent_is_refused(made, trial_table):
    whole = made.read_text()
    lines = whole.splitlines(keepends=True)
    made.write_text("".join(lines[:-1]) + lines[-1][:20])
    ended = trial_table(made, "--agent", "share", "--points", "2")
    assert "3 trainings done, 1 left" in ended.stdout
    *kept, last = made.read_text().splitlines(keepends=True)
    assert kept == lines[:-1]
    known, repeated = (json.loads(line) for line in (lines[-1], last))
    assert {**repeated, "seconds": 0} == {**known, "seconds": 0}
    refused = trial_table(made, "--agent", "criteria", "--points", "2")
    assert refused.returncode != 0 and "another corpus, space or agent" in refused.stderr
