"""Where studies live: an sqlite file on a local disk, or a PostgreSQL database; one process at a time writes to a study."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy

from psy_agents.errors import UserError
from psy_agents.files.file_systems import network_file_system
from psy_agents.files.locks import wait_for_lock
from psy_agents.hpo.study.locks import CONNECT_TIMEOUT, AdvisoryLock, FileLock, StudyLock, wait_for_advisory_lock
from psy_agents.hpo.study.trial_writer import TrialWriter

SQLITE_TIMEOUT = 60  # Seconds for which a writer waits for another one.
POSTGRES = ("postgres", "postgresql", "postgresql+psycopg")


def digest(value: Any) -> str:
    """sha256 of the value's canonical JSON: equal for equal data, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class StudyStore:
    """Studies, open while the ``with`` block lasts.

    Only the owner of a study (`own`) writes to it. It treats every running trial that it finds there as an orphan of a dead
    run: the lock is dropped when its owner dies.

    Args:
        address: path of an sqlite file, or a PostgreSQL URL such as ``postgresql://user:password@host/database``.
    """

    def __init__(self, address: str | Path) -> None:
        self._url = _url(address)
        self._sqlite = Path(self._url.database) if self._url.get_backend_name() == "sqlite" else None

    @property
    def place(self) -> str:
        """Where the studies are, as messages may show it: without a password."""
        return str(self._sqlite) if self._sqlite is not None else self._url.render_as_string(hide_password=True)

    def __enter__(self) -> StudyStore:
        if self._sqlite is not None:
            _prepare_sqlite(self._sqlite)
        self._backend = _backend(self._url)
        self.storage = optuna.storages.get_storage(self._backend)
        return self

    def __exit__(self, *_: object) -> None:
        self._backend.engine.dispose()

    @contextlib.contextmanager
    def own(self, study: str) -> Iterator[StudyLock]:
        """Own the study: no other process writes to it.

        Raises:
            UserError: another process owns it; the message names that process.
        """
        lock = self._lock(study)
        try:
            yield lock
        finally:
            lock.release()

    def _lock(self, study: str) -> StudyLock:
        if self._sqlite is not None:
            return FileLock(self._sqlite.with_name(self._sqlite.name + ".locks"), study)
        return AdvisoryLock(self._url, study)

    def study(self, name: str) -> optuna.Study:
        """The study of that name, made if it is not there; higher values are better."""
        return optuna.create_study(study_name=name, storage=self.storage, direction="maximize", load_if_exists=True)

    def writer(self, study: optuna.Study) -> TrialWriter:
        """The writer of the study's trials, for the process that owns it."""
        return TrialWriter(self._backend.engine, self.storage.get_study_id_from_name(study.study_name))

    def studies(self) -> list[optuna.Study]:
        """All studies of the store."""
        return _all_studies(self.storage)


def read_study(address: str | Path, name: str) -> optuna.Study:
    """A study to read, without owning it.

    Raises:
        UserError: there is no such store or study.
    """
    url = _url(address)
    if url.get_backend_name() == "sqlite" and not Path(url.database).is_file():
        raise UserError(f"There is no study store {url.database}: run the search first.")
    try:
        return optuna.load_study(study_name=name, storage=_backend(url))
    except KeyError:
        place = url.render_as_string(hide_password=True).removeprefix("sqlite:///")
        raise UserError(f"There is no study {name} in {place}: run its stage first.") from None


def read_studies(address: str | Path) -> list[optuna.Study]:
    """All studies of a store to read, without owning them; none where there is no store yet."""
    url = _url(address)
    if url.get_backend_name() == "sqlite" and not Path(url.database).is_file():
        return []
    backend = _backend(url)
    with _opening(Path(url.database)) if url.get_backend_name() == "sqlite" else contextlib.nullcontext():
        return _all_studies(backend)


def _all_studies(storage: optuna.storages.BaseStorage) -> list[optuna.Study]:
    return [optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)]


def shown_url(address: str | Path) -> str:
    """The store's URL as other programs take it, without a password: ``sqlite:////absolute/path``."""
    return _url(address).render_as_string(hide_password=True)


def _url(address: str | Path) -> sqlalchemy.URL:
    text = str(address)
    if "://" not in text:
        return sqlalchemy.URL.create("sqlite", database=text)
    scheme, rest = text.split("://", 1)
    if scheme == "sqlite":
        return sqlalchemy.URL.create("sqlite", database=rest.removeprefix("/"))
    if scheme not in POSTGRES:
        raise UserError(f"The study store {scheme}://... is not supported: give an sqlite file's path or a postgresql:// URL.")
    try:
        return sqlalchemy.make_url(f"postgresql+psycopg://{rest}")
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise UserError(
            "The URL of the study store cannot be read: write postgresql://user:password@host:5432/database, with special "
            "characters of the password as %XX."
        ) from None


def _prepare_sqlite(path: Path) -> None:
    kind = network_file_system(path)
    if kind is not None:
        raise UserError(
            f"The study store {path} lies on a network file system ({kind}), where sqlite loses data: give study_store in the "
            f"catalog a path on a local disk, or a PostgreSQL database (docs/how_to/run_a_search.md)."
        )
    if path.exists() and not path.is_file():
        raise UserError(f"The study store {path} is no file: choose another path.")
    with _opening(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # The mode changes only while no other process has the file open: sqlite answers "busy" at once, whatever the timeout.
        with _alone(path), contextlib.closing(sqlite3.connect(path, timeout=SQLITE_TIMEOUT)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


@contextlib.contextmanager
def _opening(path: Path) -> Iterator[None]:
    """Turn errors of opening an sqlite store into sentences."""
    try:
        yield
    except (sqlite3.OperationalError, sqlalchemy.exc.OperationalError, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        name = getattr(getattr(cause, "orig", cause), "sqlite_errorname", type(error).__name__)
        raise UserError(
            f"The study store {path} cannot be opened ({name}): is there space on its disk, may you write there, and does "
            f"another program keep it locked? Run the same command again to continue."
        ) from None
    except OSError as error:
        raise UserError(f"The folder of the study store {path} cannot be written ({error.strerror}).") from None
    except (sqlite3.DatabaseError, sqlalchemy.exc.DatabaseError, ValueError):  # The last is of attributes that are no JSON.
        raise UserError(f"The study store {path} is not an sqlite file, or is damaged: choose another path.") from None
    except RuntimeError as error:
        if "compatible" not in str(error):
            raise
        raise UserError(f"The study store {path} was made by another program or version of Optuna: choose another path.") from None


def _backend(url: sqlalchemy.URL) -> optuna.storages.RDBStorage:
    """Open a store under a lock: the first to open it makes its tables, and two processes at once would fail."""
    if url.get_backend_name() == "postgresql":
        with _answering(url), wait_for_advisory_lock(url, "opening"):
            return _postgres(url)
    path = Path(url.database)
    with _opening(path), _alone(path):
        return _sqlite(url)


def _alone(path: Path) -> FileIO:
    """A lock that is held while a process opens the store."""
    return wait_for_lock(path.with_name(path.name + ".opening"))


def _sqlite(url: sqlalchemy.URL) -> optuna.storages.RDBStorage:
    options = {"connect_args": {"timeout": SQLITE_TIMEOUT}}
    backend = optuna.storages.RDBStorage(url.render_as_string(), engine_kwargs=options)

    @sqlalchemy.event.listens_for(backend.engine, "connect")
    def _fast_and_safe(connection: sqlite3.Connection, _: object) -> None:
        # With a write-ahead log, NORMAL loses nothing when a process dies, and perhaps the last steps when the power does.
        connection.execute("PRAGMA synchronous=NORMAL")

    backend.engine.dispose()  # The connections that made the tables lack the setting.
    return backend


def _postgres(url: sqlalchemy.URL) -> optuna.storages.RDBStorage:
    # A connection that the server has dropped is replaced, and no trial fails.
    options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_TIMEOUT}}
    return optuna.storages.RDBStorage(url.render_as_string(hide_password=False), engine_kwargs=options)


@contextlib.contextmanager
def _answering(url: sqlalchemy.URL) -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise UserError("PostgreSQL needs the package psycopg: pip install -c requirements.lock -e '.[postgres]'.") from None
    except sqlalchemy.exc.OperationalError:
        raise UserError(
            f"The study store {url.render_as_string(hide_password=True)} does not answer: check host, port, user and password, and "
            f"that the database exists."
        ) from None
