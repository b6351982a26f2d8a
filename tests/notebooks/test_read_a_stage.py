"""The notebook runs on a top-k as the project writes it, and says what to do where there is none."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "read_a_stage.ipynb"


def execute(data: Path, monkeypatch: pytest.MonkeyPatch) -> nbformat.NotebookNode:
    monkeypatch.setenv("PSY_DATA", str(data))
    monkeypatch.setenv("PSY_AGENT", "evidence")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=600, startup_timeout=600, kernel_name="python3").execute()
    return notebook


def test_it_shows_the_best_trials(tmp_path, monkeypatch):
    name = "evidence_evidence-stage0-sanity_topk.json"
    folder = tmp_path / "07_model_output" / "hpo_stage0" / name / "2026-01-01T00.00.00.000Z"
    folder.mkdir(parents=True)
    trial = {"rank": 1, "trial": 3, "value": 0.4321, "metrics": {"token_f1": 0.4321}, "params": {"lr_scheduler_type": "cosine"},
             "best_epoch": 2, "epochs_run": 3, "seconds": 9.5, "seed": 7, "checkpoint": None}  # fmt: skip
    top_k = {"study": "evidence-stage0-sanity-0123abcd", "stage": "stage0", "label": "sanity", "agent": "evidence",
             "settings_hash": "a" * 64, "refined_from": None, "epochs": 3, "patience": 5,
             "space_hash": "a", "data_hash": "b", "versions": {}, "n_trials": 1, "epochs_trained": 3, "states": {"complete": 1},
             "trials": [trial]}  # fmt: skip
    (folder / name).write_text(json.dumps(top_k))
    shown = json.dumps([cell.get("outputs", []) for cell in execute(tmp_path, monkeypatch).cells])
    assert "0.4321" in shown and "cosine" in shown and "evidence-stage0-sanity-0123abcd" in shown


def test_it_names_the_command_to_run_where_there_is_no_top_k(tmp_path, monkeypatch):
    with pytest.raises(CellExecutionError, match="kedro run --pipeline hpo_stage0 --params agent=evidence"):
        execute(tmp_path, monkeypatch)
