"""The recipes of CONTRIBUTING.md work: their files alone, in one copy of the project, without another edit."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from support.project_copy import ROOT, copy_project, project_environment
from support.recipes import follow_recipe
from support.shared import made_once

AGENT, POOLING = "compare", "smooth_max"
RECIPES = ("Add an agent", "Add a pooling", "Add a metric", "Add a sampler", "Add an export format")
RUNS = """
import json, sys
from pathlib import Path
from kedro.framework.startup import bootstrap_project
from psy_agents.app.session import AgentSession

bootstrap_project(Path.cwd())
for names, params in json.loads(sys.argv[1]):
    AgentSession.create(project_path=Path.cwd(), env="test", runtime_params=params).run(pipeline_names=names)
"""


def run(project: Path, *command: str) -> None:
    """A command in the copy that succeeds."""
    environment = project_environment(project)
    environment["PYTHONPATH"] += f":{project / 'tests'}"
    ended = subprocess.run([sys.executable, *command], cwd=project, env=environment, capture_output=True, text=True, timeout=1800)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]


@pytest.fixture(scope="module")
def project(tmp_path_factory, tiny_encoder):
    """A copy with all recipes' files, in which the new agent was searched with the new pooling, refitted, exported and reported."""

    def build(root: Path) -> Path:
        folder = root / "project"
        copy_project(folder, code=True)
        for title in RECIPES:
            follow_recipe(title, folder)
        training = {"precision": "float32", "fixed": {"encoder": str(tiny_encoder), "max_length": 128}}
        hpo = {"refit": {"stage": "stage0", "candidates": 1, "n_seeds": 1}, "stage0": {"n_trials": 4}}
        given = {"agent": AGENT, "training": training, "hpo": hpo, "export": {"formats": ["float16"]}}
        runs = [(["hpo_stage0", "refit", "export"], given), (["report"], {"training": training})]
        run(folder, "-c", RUNS, json.dumps(runs))
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


def test_the_new_metric_is_in_page_tables_latex_card_and_epochs(project):
    def report(name: str) -> str:
        return newest(project, f"08_reporting/report/{name}/*/*{Path(name).suffix}").read_text()

    assert "macro_balanced_accuracy" in report("summary.csv") and "balanced_accuracy" in report("criteria.csv")
    assert "macro-bal. acc." in report("tables.tex")
    assert "macro-balanced accuracy" in report("report.html") and "Balanced accuracy" in report("report.html")
    summary = json.loads(newest(project, f"07_model_output/refit/{AGENT}*summary*/*/*.json").read_text())
    assert "macro_balanced_accuracy" in summary["test_metrics"]
    card = newest(project, f"06_models/export/{AGENT}/*/*/README.md").read_text()
    assert "type: hyperml/balanced_accuracy" in card and "macro-balanced accuracy of criteria" in card


def test_the_new_export_format_is_written_and_described(project):
    folder = newest(project, f"06_models/export/{AGENT}/*/{AGENT}")
    card = (folder / "README.md").read_text()
    assert (folder / "model.float16.safetensors").is_file()
    assert "holds all weights in half precision" in card and "`model.float16.safetensors` is described above." in card


def test_the_tests_of_the_recipes_pass_and_their_files_are_clean(tmp_path):
    copy = tmp_path / "project"
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, copy)
    files = [file for title in RECIPES for file in follow_recipe(title, copy)]
    tests = [str(file) for file in files if file.name.startswith("test_")]
    assert len(tests) == 3 < len(files)
    run(copy, "-m", "pytest", "-p", "no:cacheprovider", *tests)
    run(copy, "-m", "ruff", "check", "--no-cache", *(str(file) for file in files if file.suffix == ".py"))
