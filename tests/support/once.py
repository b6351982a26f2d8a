"""What libraries would do again in each test: it is done once in a process."""

from __future__ import annotations

import functools
import io
import pickle
from pathlib import Path
from types import ModuleType
from typing import IO

from alembic.util import pyfiles
from kedro.framework.project import configure_project
from omegaconf import DictConfig, ListConfig, OmegaConf


@functools.cache
def configured() -> None:
    """All copies of the project have the same code, and Kedro looks for its settings in every module that is loaded."""
    configure_project("psy_agents")


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
