"""Where studies live: one sqlite file, written by one process at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy

from psy_agents.errors import UserError


def digest(value: Any) -> str:
    """sha256 of the value's canonical JSON: equal for equal data, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class StudyStore:
    """An sqlite file of studies, owned while the ``with`` block lasts.

    The owner alone writes: it may take every running trial that it finds for an orphan of a dead run. Ownership
    is a lock on a file beside the store, which the operating system drops when the owner dies.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = _sqlite_path(path)
        self._lock_path = self.path.with_name(self.path.name + ".lock")
        self._lock_file: int | None = None

    def __enter__(self) -> StudyStore:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock()
        try:
            with sqlite3.connect(self.path) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
            self._backend = _backend(self.path)
            self.storage = optuna.storages.get_storage(self._backend)
        except sqlite3.DatabaseError:
            self._unlock()
            raise UserError(
                f"The study store {self.path} is not an sqlite file, or is damaged: choose another path."
            ) from None
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._backend.engine.dispose()
        self._unlock()

    def study(self, name: str) -> optuna.Study:
        """The study of that name, made if it is not there; higher values are better."""
        return optuna.create_study(study_name=name, storage=self.storage, direction="maximize", load_if_exists=True)

    def studies(self) -> list[optuna.Study]:
        """All studies of the store."""
        return [optuna.load_study(study_name=name, storage=self.storage) for name in optuna.get_all_study_names(self.storage)]

    @property
    def owned(self) -> bool:
        """Whether this object holds the lock."""
        return self._lock_file is not None

    def _lock(self) -> None:
        if self.owned:
            raise RuntimeError("the store is open already")
        file = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(file, 1000).decode(errors="replace").strip() or "another process"
            os.close(file)
            raise UserError(
                f"The study store {self.path} is in use by {owner}: wait for that run, stop it, or choose another store."
            ) from None
        os.truncate(file, 0)
        os.write(file, f"process {os.getpid()} on {socket.gethostname()}".encode())
        self._lock_file = file

    def _unlock(self) -> None:
        os.close(self._lock_file)
        self._lock_file = None


def read_study(path: str | Path, name: str) -> optuna.Study:
    """A study to look at, without owning the store.

    Raises:
        UserError: there is no such store or study.
    """
    path = _sqlite_path(path)
    if not path.is_file():
        raise UserError(f"There is no study store {path}: run the search first.")
    try:
        return optuna.load_study(study_name=name, storage=_backend(path))
    except KeyError:
        raise UserError(f"There is no study {name} in {path}: run its stage first.") from None


def read_studies(path: str | Path) -> list[optuna.Study]:
    """All studies of a store to look at, without owning it; none where there is no store yet."""
    path = _sqlite_path(path)
    if not path.is_file():
        return []
    backend = _backend(path)
    return [optuna.load_study(study_name=name, storage=backend) for name in optuna.get_all_study_names(backend)]


def _sqlite_path(path: str | Path) -> Path:
    text = str(path)
    if text.startswith("sqlite:///"):
        return Path(text.removeprefix("sqlite:///"))
    if "://" in text:
        raise UserError(f"The study store {text.split('://')[0]}://... is not supported: give an sqlite file's path.")
    return Path(text)


def _backend(path: Path) -> optuna.storages.RDBStorage:
    url = sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string()
    backend = optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})

    @sqlalchemy.event.listens_for(backend.engine, "connect")
    def _fast_and_safe(connection: sqlite3.Connection, _: object) -> None:
        # With a write-ahead log, NORMAL loses nothing when a process dies.
        connection.execute("PRAGMA synchronous=NORMAL")

    return backend
