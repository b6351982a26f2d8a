"""The commands that show a search, with the right places, once a run, and without a password."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from types import SimpleNamespace

import mlflow
import optuna
import pytest

from psy_agents.app.hooks.viewers import ViewerHooks, dashboard_command, mlflow_command
from psy_agents.hpo.paths import SearchPaths
from psy_agents.hpo.study.store import StudyStore
from psy_agents.pipelines import budget, hpo_stages, refit


def test_the_dashboards_address_opens_the_store_though_its_path_has_a_space(tmp_path):
    path = tmp_path / "my studies" / "studies.db"
    with StudyStore(path) as store:
        store.study("one")
    program, address = shlex.split(dashboard_command(str(path)))
    assert (program, address) == ("optuna-dashboard", f"sqlite:///{path}")
    assert optuna.get_all_study_names(address) == ["one"]


def test_no_command_shows_a_password():
    assert dashboard_command("postgresql://me:secret@host:5432/studies") == (
        "optuna-dashboard 'postgresql+psycopg://me:***@host:5432/studies'"
    )
    assert mlflow_command("postgresql://me:secret@host/runs") == "DO_NOT_TRACK=true mlflow ui --backend-store-uri 'postgresql://me:***@host/runs'"


def test_the_mlflow_command_fits_its_kind_of_address():
    assert mlflow_command("sqlite:////a/b/mlflow.db") == "DO_NOT_TRACK=true mlflow ui --backend-store-uri sqlite:////a/b/mlflow.db"
    assert mlflow_command("sqlite:////a b/mlflow.db") == "DO_NOT_TRACK=true mlflow ui --backend-store-uri 'sqlite:////a b/mlflow.db'"
    assert mlflow_command("/a/mlruns") == "DO_NOT_TRACK=true mlflow ui --backend-store-uri /a/mlruns"
    assert mlflow_command("http://server:5000") is None


@pytest.fixture
def logged(tmp_path, caplog):
    """What the hooks log for the nodes of these pipelines."""
    hooks = ViewerHooks()

    def run(*pipelines):
        caplog.clear()
        hooks.before_pipeline_run()
        paths = SearchPaths(checkpoints=tmp_path, logs=Path("/p/logs"), measurements=tmp_path)
        given = SimpleNamespace(paths=paths, training=None, workers=None, refit=None)
        inputs = {"study_store": "/p/studies.db", "params:bundle.refit": given}
        with caplog.at_level(logging.INFO, "psy_agents"):
            for pipeline in pipelines:
                for node in pipeline.nodes:
                    hooks.before_node_run(node, inputs)
        return [record.getMessage() for record in caplog.records]

    return run


def test_a_run_of_several_agents_logs_the_commands_once_and_the_next_run_again(logged):
    searches = [hpo_stages.create_pipeline(agent, "stage0") for agent in ("criteria", "evidence")]
    expected = [
        "the studies are in /p/studies.db",
        "watch the trials (pip install optuna-dashboard): optuna-dashboard sqlite:////p/studies.db",
        "what each trial prints: /p/logs/<study>/trial_<number>.log",
    ]
    assert logged(*searches) == expected
    assert logged(refit.create_pipeline("criteria", ("stage0",))) == expected
    assert logged(budget.create_pipeline(("stage0",))) == []


def test_with_tracking_the_command_of_mlflow_is_logged_too(logged, tmp_path):
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    try:
        with mlflow.start_run(experiment_id="0"):  # whatever experiment an earlier test left as the active one
            lines = logged(hpo_stages.create_pipeline("criteria", "stage0"))
    finally:
        mlflow.set_tracking_uri(None)
    assert f"watch the runs: DO_NOT_TRACK=true mlflow ui --backend-store-uri sqlite:///{tmp_path / 'mlflow.db'}" in lines
    assert "open: http://127.0.0.1:5000/#/experiments/0/runs" in lines
