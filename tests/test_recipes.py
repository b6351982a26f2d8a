"""The recipes of CONTRIBUTING.md work: their files alone, in a copy of the project, give stage 0, refit, report and export."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from support.project_copy import copy_project, project_environment
from support.recipes import follow_recipe, recipe
from support.shared import made_once

AGENT, POOLING = "compare", "smooth_max"
RECIPES = ("Add an agent", "Add a pooling", "Add a metric")


def kedro_run(project: Path, pipelines: str, params: str) -> None:
    command = [sys.executable, "-m", "kedro", "run", "--env", "test", "--pipelines", pipelines, "--params", params]
    ended = subprocess.run(command, cwd=project, env=project_environment(project), capture_output=True, text=True, timeout=1800)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]


@pytest.fixture(scope="module")
def project(tmp_path_factory, tiny_encoder):
    """A copy with the recipes' files, in which the new agent was searched with the new pooling, refitted, reported and exported."""

    def build(root: Path) -> Path:
        folder = root / "project"
        copy_project(folder)
        for title in RECIPES:
            follow_recipe(title, folder)
        training = f"training.precision=float32,training.fixed.encoder={tiny_encoder},training.fixed.max_length=128"
        kedro_run(folder, "hpo_stage0,refit,export", f"agent={AGENT},hpo.refit.stage=stage0,hpo.stage0.n_trials=4,{training}")
        kedro_run(folder, "report", training)
        return folder

    return made_once(tmp_path_factory, "recipes", build)


def newest(project: Path, pattern: str) -> Path:
    return max((project / "data" / "test").glob(pattern))


def test_the_new_agent_was_searched_with_the_new_pooling(project):
    top_k = json.loads(newest(project, f"07_model_output/hpo_stage0/{AGENT}*/*/*.json").read_text())
    assert top_k["agent"] == AGENT
    assert POOLING in {trial["params"]["pooling"] for trial in top_k["trials"]}


def test_the_new_agent_is_refitted_and_in_the_report(project):
    summary = json.loads(newest(project, f"07_model_output/refit/{AGENT}*summary*/*/*.json").read_text())
    assert summary["agent"] == AGENT
    table = pd.read_csv(newest(project, "08_reporting/report/summary.csv/*/*.csv"))
    assert AGENT in set(table.iloc[:, 0])


def test_the_new_agent_is_exported_with_its_sentence_on_the_card(project):
    card = newest(project, f"06_models/export/{AGENT}/*/*/README.md").read_text()
    assert "whether a post meets each criterion, from a comparison of both" in card


def test_the_new_metric_is_in_the_summary_in_latex_and_on_the_card(project):
    table = pd.read_csv(newest(project, "08_reporting/report/summary.csv/*/*.csv"))
    assert "macro_balanced_accuracy" in set(table["metric"])
    assert "macro-bal. acc." in newest(project, "08_reporting/report/tables.tex/*/*.tex").read_text()
    assert "macro-balanced accuracy of criteria" in newest(project, f"06_models/export/{AGENT}/*/*/README.md").read_text()


def test_the_recipes_files_pass_the_linter(project):
    files = [project / name for title in RECIPES for name in recipe(title) if name.endswith(".py")]
    subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", *map(str, files)], cwd=project, check=True, capture_output=True)
