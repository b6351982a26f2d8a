"""What is expensive: made once for all workers of a test run, or done once in a process."""

from __future__ import annotations

import atexit
import fcntl
import functools
import io
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import IO, TypeVar

import pytest
import sqlalchemy
from alembic.util import pyfiles
from kedro.framework.project import configure_project
from omegaconf import DictConfig, ListConfig, OmegaConf

Made = TypeVar("Made")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """The result of ``make(folder)``: the first worker that asks runs it, the others wait for it and read it.

    Args:
        factory: its base folder lies in one that all workers share.
        name: of the folder; unique in the test run.
        make: fills the empty folder; its result is pickled.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, result = root / name, root / f"{name}.pickle"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            shutil.rmtree(folder, ignore_errors=True)  # Left by a worker in which ``make`` has failed.
            folder.mkdir()
            made = make(folder)
            partial = result.with_suffix(".partial")
            partial.write_bytes(pickle.dumps(made))
            partial.replace(result)
        return pickle.loads(result.read_bytes())


@functools.cache
def configured() -> None:
    """All copies of the project have the same code, and Kedro looks for its settings in every module that is loaded."""
    configure_project("psy_agents")
    _copy_new_databases()


def read_revisions_once() -> None:
    """Each new database of Optuna or MLflow would read all revisions of its schema, several times."""
    load = pyfiles.load_module_py
    cached = functools.cache(load)

    def load_module_py(name: str, path: Path | str) -> ModuleType:
        return (cached if "versions" in Path(path).parts else load)(name, path)

    pyfiles.load_module_py = load_module_py


def parse_configuration_once() -> None:
    """Most files of a project's configuration have the same content in each copy; to unpickle it takes a tenth of the time."""
    load = OmegaConf.load

    @functools.lru_cache(maxsize=200)
    def parsed(text: str) -> bytes:
        return pickle.dumps(load(io.StringIO(text)))

    def load_once(file: str | Path | IO[str]) -> DictConfig | ListConfig:
        return pickle.loads(parsed(file.getvalue())) if isinstance(file, io.StringIO) else load(file)

    OmegaConf.load = staticmethod(load_once)


def _copy_new_databases() -> None:
    """MLflow makes a database by all changes that its schema has ever had; later ones in a process are copies of the first."""
    from mlflow.store.db import utils as mlflow_database

    make = mlflow_database._initialize_tables
    made = Path(tempfile.mkdtemp(prefix="mlflow_database")) / "mlflow.db"
    atexit.register(shutil.rmtree, made.parent, ignore_errors=True)

    def initialize(engine: sqlalchemy.Engine) -> None:
        file = engine.url.database
        if engine.url.get_backend_name() != "sqlite" or not file or sqlalchemy.inspect(engine).get_table_names():
            make(engine)
        elif made.exists():
            engine.dispose()
            shutil.copy(made, file)
        else:
            make(engine)
            with engine.connect() as connection:
                connection.exec_driver_sql("VACUUM INTO ?", (str(made),))

    mlflow_database._initialize_tables = initialize
