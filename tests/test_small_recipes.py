"""The recipes of a metric, a sampler and an export format work in a copy of the project, without another edit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.project_copy import ROOT, project_environment
from support.recipes import follow_recipe

HEADINGS = ["Add a metric", "Add a sampler", "Add an export format"]
EXPORT = """
import json, sys
from pathlib import Path

from support.small_export import CONFIG, small_export
from support.small_search import build_encoder

root, formats = Path(sys.argv[1]), tuple(sys.argv[2:])
(root / "encoder").mkdir()
trained = small_export("criteria", build_encoder(root / "encoder"), root / "refit")
facts = trained.facts(CONFIG.model_copy(update={"formats": formats}))

from psy_agents.release.export_folder import exported_folder
from psy_agents.reporting.latex import latex_tables
from psy_agents.reporting.report_page.page import report_page
from psy_agents.reporting.tables import criteria_table, summary_table

with exported_folder(facts, trained.model) as folder:
    card, files = (folder / "README.md").read_text(), [file.name for file in folder.iterdir()]
found = {
    "card": card,
    "files": files,
    "epochs": list(trained.summary["test_metrics"]),
    "page": report_page(facts.report, {}, {}),
    "latex": latex_tables(facts.report),
    "summary": summary_table(facts.report).to_csv(),
    "criteria": criteria_table(facts.report).to_csv(),
    "report": facts.report.model_dump_json(),
}
print(json.dumps(found))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Code and tests of the project."""
    folder = tmp_path / "project"
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, folder)
    return folder


def run(copy: Path, *command: str) -> str:
    """Standard output of a command in the copy that succeeds."""
    environment = project_environment(copy)
    environment["PYTHONPATH"] += f":{copy / 'tests'}"
    done = subprocess.run([sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def exported(copy: Path, *formats: str) -> dict:
    """An agent of criteria, trained in the copy: its report and its exported folder."""
    (copy / "made").mkdir()
    return json.loads(run(copy, "-c", EXPORT, str(copy / "made"), *formats).splitlines()[-1])


@pytest.mark.parametrize("heading", HEADINGS)
def test_the_test_of_each_recipe_passes_and_its_code_is_clean(copy, heading):
    files = follow_recipe(heading, copy)
    tests = [str(file) for file in files if file.name.startswith("test_")]
    assert tests and len(files) > len(tests)
    run(copy, "-m", "pytest", "-p", "no:cacheprovider", *tests)
    run(copy, "-m", "ruff", "check", "--no-cache", *map(str, files))


def test_a_new_metric_is_in_page_latex_csv_card_and_epochs(copy):
    follow_recipe("Add a metric", copy)
    found = exported(copy)
    assert "macro_balanced_accuracy" in found["epochs"] and "macro_balanced_accuracy" in found["summary"]
    assert "balanced_accuracy" in found["criteria"] and '"balanced_accuracy":{"value":' in found["report"]
    assert "macro-bal. acc." in found["latex"]
    assert "macro-balanced accuracy" in found["page"] and "Balanced accuracy" in found["page"]
    assert "type: hyperml/balanced_accuracy" in found["card"] and "macro-balanced accuracy of criteria" in found["card"]


def test_a_new_export_format_is_written_and_described(copy):
    follow_recipe("Add an export format", copy)
    found = exported(copy, "float16")
    assert "model.float16.safetensors" in found["files"]
    assert "holds all weights in half precision" in found["card"] and "`model.float16.safetensors` is described above." in found["card"]
