from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import sqlalchemy
from support.shared import made_once

MLFLOWS = "busy_timeout = 20000"


@pytest.fixture
def soon_given_up() -> Iterator[None]:
    """MLflow waits 0.2 s for a locked sqlite file, where it waits 20."""

    def shorter(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return statement.replace(MLFLOWS, "busy_timeout = 200"), parameters

    event = (sqlalchemy.Engine, "before_cursor_execute", shorter)
    sqlalchemy.event.listen(*event, retval=True)
    yield
    sqlalchemy.event.remove(*event)


def empty_database(folder: Path) -> Path:
    """MLflow takes seconds to lay out its tables."""
    database = folder / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{database}").search_experiments()
    return database


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    database = tmp_path_factory.mktemp("mlruns") / "mlflow.db"
    shutil.copy(made_once(tmp_path_factory, "mlflow", empty_database), database)
    return f"sqlite:///{database}"


@pytest.fixture
def experiment(store, request):
    mlflow.set_tracking_uri(store)
    name = request.node.name
    yield mlflow.set_experiment(name).experiment_id
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(None)
