"""An MLflow that does not answer costs one warning at any moment, wherever the project lies."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import mlflow
import pytest
from support.finished_project import sessions_of
from support.project_copy import copy_project
from support.shared import made_once

from psy_agents.files.locks import try_lock
from psy_agents.tracking.database import mend_addresses, opening
from psy_agents.tracking.process_tag import PROCESS, end_runs_of_dead_processes, process_tag

ODD = "o%41d ?#é name"
"""Part of a folder's name that an address must encode."""


def empty_database(folder: Path) -> Path:
    """MLflow takes seconds to lay out its tables."""
    database = folder / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{database}").search_experiments()
    return database


@pytest.fixture
def database(tmp_path, tmp_path_factory) -> Path:
    """An empty MLflow database in an oddly named folder."""
    folder = tmp_path / ODD / "mlruns"
    folder.mkdir(parents=True)
    return Path(shutil.copy(made_once(tmp_path_factory, "mlflow", empty_database), folder / "mlflow.db"))


@pytest.fixture
def new_session(database, monkeypatch):
    """Makes sessions of a project in that folder."""
    project = database.parents[1]
    copy_project(project)
    yield sessions_of(project, monkeypatch)
    mlflow.tracking.fluent._active_run_stack.get().clear()
    mlflow.set_tracking_uri(None)


@pytest.fixture
def run(new_session, monkeypatch, caplog):
    """Runs a search whose nodes do nothing but call ``during``; returns the warnings of this project."""

    def of(during=lambda: None):
        monkeypatch.setattr("kedro.runner.SequentialRunner.run", lambda *_, **__: during() or {})
        caplog.clear()
        with caplog.at_level(logging.INFO, "psy_agents"):
            new_session(agent="criteria").run(pipeline_names=["hpo_stage0"])
        ours = [record for record in caplog.records if record.name.startswith("psy_agents") and record.levelno >= logging.WARNING]
        return [record.getMessage() for record in ours]

    return of


def address(database: Path) -> str:
    return f"sqlite:///{quote(database.as_posix())}"


def states(database: Path, experiment: str = "psy_agents") -> list[str]:
    client = mlflow.MlflowClient(address(database))
    runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id], order_by=["attributes.start_time"])
    return [run.info.status for run in runs]


def test_a_run_is_tracked_inside_its_project_however_that_is_named(run, database):
    assert run() == []
    assert [path.name for path in database.parents[2].iterdir()] == [ODD]
    assert states(database) == ["FINISHED"]
    experiment = mlflow.MlflowClient(address(database)).get_experiment_by_name("psy_agents")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    location = experiment.artifact_location
    assert location == f"file://{quote((database.parent / 'artifacts').as_posix())}"


@pytest.mark.parametrize("broken", ["foreign", "folder"])
def test_what_is_no_database_of_mlflows_costs_a_warning_and_the_run_continues(run, database, broken):
    if broken == "foreign":
        database.write_bytes(b"not a database" * 100)
    else:
        shutil.rmtree(database.parent)
        database.parent.write_text("a file where the folder should be")
    ran = []
    (warning,) = run(lambda: ran.append(mlflow.active_run()))
    assert ran == [None]
    assert warning.startswith("MLflow failed (") and "the run continues; the same command logs what is missing" in warning


def test_a_database_that_breaks_during_a_run_costs_a_warning_at_its_end_and_the_next_run_is_tracked_again(run, database):
    whole = database.read_bytes()
    warnings = run(lambda: database.write_bytes(b"not a database" * 100))
    assert warnings and all(warning.startswith("MLflow failed (") for warning in warnings)
    assert mlflow.active_run() is None
    database.write_bytes(whole)
    mlflow.set_tracking_uri(None)
    assert run() == [] and states(database) == ["FINISHED"]


def test_the_first_to_open_a_new_database_is_alone(tmp_path):
    with opening(f"sqlite:///{tmp_path}/new/mlflow.db"):
        assert try_lock(tmp_path / "new" / "mlflow.db.opening") is None
    try_lock(tmp_path / "new" / "mlflow.db.opening").close()


def test_runs_of_killed_processes_are_ended_and_no_others(database):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = process_tag()[PROCESS].rpartition(" ")[0]
    client = mlflow.MlflowClient(address(database))
    tags = {"dead": f"{host} {gone.pid}", "own": f"{host} {os.getpid()}", "elsewhere": f"other {gone.pid}", "odd": "x", "none": None}
    runs = {name: client.create_run("0", tags={} if tag is None else {PROCESS: tag}).info.run_id for name, tag in tags.items()}
    assert end_runs_of_dead_processes(client, "0") == 1
    assert {name: client.get_run(run).info.status for name, run in runs.items()} == {
        "dead": "KILLED", "own": "RUNNING", "elsewhere": "RUNNING", "odd": "RUNNING", "none": "RUNNING",
    }  # fmt: skip


def test_the_addresses_of_a_moved_project_are_mended_and_a_place_that_stays_is_kept(database, tmp_path, caplog):
    def of(folder: Path) -> str:
        return f"file://{quote(folder.as_posix())}"

    client = mlflow.MlflowClient(address(database))
    old, new = tmp_path / "old" / "mlruns/artifacts", database.parent / "artifacts"
    experiment = client.create_experiment("psy_agents", artifact_location=of(old))
    (tmp_path / "old" / "mlruns/artifacts").mkdir(parents=True)
    with caplog.at_level(logging.WARNING, "psy_agents"):
        mend_addresses(address(database), "psy_agents", of(new))
    assert "keeps its artifacts in" in caplog.text, "the configuration names another place, and nothing was moved"
    run = client.create_run(experiment).info
    shutil.move(tmp_path / "old", tmp_path / "gone")
    mend_addresses(address(database), "psy_agents", of(new))
    assert client.get_experiment(experiment).artifact_location == of(new)
    assert client.get_run(run.run_id).info.artifact_uri == f"{of(new)}/{run.run_id}/artifacts"
