"""Every notebook runs on what a finished project holds, and shows no text and no id of a post."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from support.finished_project import EXPLANATION, ID, POST, Finished
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support.project_copy import ROOT

from psy_agents.agents.registry import AGENTS

NOTEBOOKS = {path.stem: path for path in (ROOT / "notebooks").glob("*.ipynb")}
SHOWN_FROM_ITS_START = 25
"""Characters by which a post is recognised: displays of tables cut cells, so that words at a post's end are not enough."""


def execute(
    notebook: nbformat.NotebookNode, data: Path, monkeypatch: pytest.MonkeyPatch, agent: str = "evidence", folder: str = "notebooks"
) -> str:
    """All outputs of a notebook that opens these data, as JSON; by default it runs in its own folder, as Jupyter does."""
    monkeypatch.setenv("PSY_DATA", str(data))
    monkeypatch.setenv("PSY_AGENT", agent)
    resources = {"metadata": {"path": str(ROOT / folder)}}
    NotebookClient(notebook, timeout=600, startup_timeout=600, kernel_name="python3", resources=resources).execute()
    return json.dumps([cell.get("outputs", []) for cell in notebook.cells], ensure_ascii=False)


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS[name], as_version=4)


def quoted(shown: str, data: Path) -> list[str]:
    """What of the corpus the outputs show."""
    posts = pd.read_parquet(data / "02_intermediate" / "posts.parquet")
    words = [POST, EXPLANATION, ID, *posts["post_id"], *posts["text"].str[:SHOWN_FROM_ITS_START]]
    return [word for word in words if json.dumps(word, ensure_ascii=False)[1:-1] in shown]


@pytest.fixture
def data(finished: Finished) -> Path:
    return finished.folder / "data" / "test"


def test_the_corpus_is_explored_without_text(data, monkeypatch):
    shown = execute(read("explore_corpus"), data, monkeypatch)
    assert quoted(shown, data) == []
    counted = pd.read_parquet(data / "03_primary" / "pairs.parquet")
    assert f"{(counted['label'] == 1).sum()} positive pairs with evidence in its place" in shown
    for title in ("Positive pairs", "Agreement of labels over posts", "Words a post", "Where evidence begins in its post"):
        assert title in shown
    assert "SUICIDAL_THOUGHTS" in shown


@pytest.mark.parametrize("agent", ["criteria", "evidence"])
def test_errors_of_every_agent_are_inspected_without_text(agent, data, monkeypatch):
    shown = execute(read("inspect_errors"), data, monkeypatch, agent)
    assert quoted(shown, data) == []
    assert f"'agent': '{agent}'" in shown and "explicit_negative" in shown
    assert "another refit" not in shown  # the report's own slices are the same
    assert ("Probability by outcome" in shown) == (agent != "evidence")
    assert ("rightly none" in shown or "invented" in shown) == (agent != "criteria")


def test_a_stage_is_read_without_text_also_from_the_root(data, monkeypatch):
    shown = execute(read("read_a_stage"), data, monkeypatch, folder=".")
    assert quoted(shown, data) == []
    assert "evidence-stage0-sanity-" in shown


def test_a_notebook_that_shows_posts_would_be_seen(data, monkeypatch):
    cell = nbformat.v4.new_code_cell(
        "import os, pandas as pd\npd.read_parquet(os.environ['PSY_DATA'] + '/02_intermediate/posts.parquet').head()"
    )
    assert len(quoted(execute(nbformat.v4.new_notebook(cells=[cell]), data, monkeypatch), data)) > 5


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("explore_corpus", "kedro run --pipeline preprocessing"),
        ("inspect_errors", "kedro run --pipeline refit --params agent=share"),
    ],
)
def test_it_names_the_command_to_run_where_nothing_is_there(name, command, monkeypatch):
    """A relative folder is one of the project, wherever the notebook runs."""
    with pytest.raises(CellExecutionError, match=command) as raised:
        execute(read(name), Path("data/nowhere"), monkeypatch, "share")
    assert "notebooks/data" not in str(raised.value)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_kept_without_outputs(name):
    assert [cell for cell in read(name).cells if cell.get("outputs") or cell.get("execution_count")] == []
