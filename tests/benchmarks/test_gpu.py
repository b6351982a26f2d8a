"""The parts of benchmarks/gpu.py run with tiny sizes on a CPU, without Kedro and MLflow, and print what its head says."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.project_copy import ROOT
from support.waiting import PATIENCE

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def printed() -> list[dict]:
    """The lines of all parts, run as one program."""
    words = [sys.executable, str(BENCHMARKS / "gpu.py"), "steps", "equal", "search", "--tiny"]
    environment = {**os.environ, "PYTHONPATH": "src"}
    ended = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_what_it_imports_leads_to_neither_kedro_nor_mlflow():
    seen, left = set(), [BENCHMARKS / "gpu.py", *sorted((BENCHMARKS / "on_gpu").glob("*.py"))]
    assert len(left) >= 8
    while left:
        file = left.pop()
        for name in imported(file):
            assert name.partition(".")[0] not in ("kedro", "mlflow"), file
            for source in sources(name):
                if source not in seen:
                    seen.add(source)
                    left.append(source)
    assert {"run_stage.py", "trainer.py", "roofline.py"} <= {source.name for source in seen}


def imported(file: Path) -> set[str]:
    """The modules that a file imports, inside functions too; `a.b` of `from a import b` as well."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return names


def sources(name: str) -> list[Path]:
    """The project's files of a module."""
    place = (ROOT / "src" if name.startswith("psy_agents") else BENCHMARKS).joinpath(*name.split("."))
    return [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]


def lines(printed: list[dict], part: str, **fields) -> list[dict]:
    return [line for line in printed if line.get("part") == part and fields.items() <= line.items()]


def test_steps_of_every_agent_are_timed(printed):
    assert {"machine", "torch", "transformers"} <= set(printed[0])
    ours = lines(printed, "steps", who="ours")
    assert {line["way"] for line in ours} == {"criteria", "evidence", "share", "joint"}
    assert all(line["ms"] > 0 and line["tokens_per_second"] > 0 and 0 < line["share_of_peak"] < 1 for line in ours)
    assert lines(printed, "steps", who="trainer"), "timed, or said to be left out"


def test_two_ways_of_a_trial_have_the_same_losses_and_an_epoch_has_its_parts(printed):
    (losses,), (epoch,) = lines(printed, "equal", what="losses"), lines(printed, "equal", what="epoch")
    assert losses["steps"] > 1 and losses["largest_difference"] < 1e-5 and len(losses["ways"]) == 2
    assert all(epoch[part] > 0 for part in ("batches", "steps", "evaluation", "scoring"))


def test_a_cpu_captures_nothing(printed):
    assert [line["left_out"] for line in lines(printed, "equal", what="captures")] == ["nothing is captured"]


def test_a_nights_hours_are_those_of_four_agents_stages(printed):
    *agents, sums = lines(printed, "equal", what="night")
    assert [line["agent"] for line in agents] == ["criteria", "evidence", "share", "joint"]
    assert sums["trials"] == 312 and sums["hours"] == pytest.approx(sum(line["hours"] for line in agents), abs=0.003)
    for line in agents:
        assert line["hours"] == pytest.approx(line["epochs"] * line["epoch_seconds"] / 3600, rel=0.2, abs=0.002)


def test_two_ways_of_a_prediction_are_timed_and_are_the_same(printed):
    (line,) = lines(printed, "equal", what="predict")
    assert len(line["ways"]) == 2 and all(each > 0 for name in ("ms", "ms_alone") for each in line[name])
    assert line["posts"] > 1 and line["largest_difference"] < 1e-5


def test_a_whole_search_gives_trials_an_hour(printed):
    (ours,) = lines(printed, "search", who="ours")
    (trainer,) = lines(printed, "search", who="trainer")
    installed = importlib.util.find_spec("accelerate") is not None
    assert trainer["trials_per_hour"] > 0 if installed else trainer["left_out"] == "accelerate is not installed"
    assert ours["trials"] == 2 and ours["trials_per_hour"] > 0 and ours["workers"] == 1
    assert [line["part"] for line in printed if "seconds" in line and "what" not in line] == ["steps", "equal", "search"]
