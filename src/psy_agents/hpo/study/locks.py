"""Locks on studies: only the process that holds a study's lock writes to it; the lock is dropped when the process dies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import sqlalchemy

from psy_agents.errors import UserError
from psy_agents.files.locks import try_lock

CONNECT_TIMEOUT = 10  # Seconds for a database to answer.


class StudyLock(Protocol):
    """A lock on one study."""

    def check(self) -> None:
        """Raise `UserError` if the lock may be lost."""

    def release(self) -> None:
        """Let other processes have it."""


def _keys(name: str) -> dict[str, int]:
    """The two 32-bit integers of an advisory lock."""
    digest = hashlib.sha256(f"psy_agents {name}".encode()).digest()
    return {"a": int.from_bytes(digest[:4], signed=True), "b": int.from_bytes(digest[4:8], signed=True)}


def _me() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _refusal(study: str, owner: str) -> UserError:
    return UserError(f"The study {study} is in use by {owner}: wait for that run, stop it, or choose another store.")


@contextlib.contextmanager
def wait_for_advisory_lock(url: sqlalchemy.URL, purpose: str) -> Iterator[None]:
    """Hold a lock of a PostgreSQL database while the block lasts, after any other connection that holds it."""
    engine = sqlalchemy.create_engine(
        url, poolclass=sqlalchemy.NullPool, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": CONNECT_TIMEOUT}
    )
    with engine.connect() as connection:  # The lock ends with the connection.
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:a, :b)"), _keys(purpose))
        yield


class FileLock:
    """A lock on a file next to an sqlite store; the file names the owner.

    Raises:
        UserError: another process holds it; the message names that process.
    """

    def __init__(self, folder: Path, study: str) -> None:
        path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', study)}.lock"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = try_lock(path)
            if file is None:
                raise _refusal(study, path.read_text(errors="replace")[:1000].strip() or "another process")
            self._file = file
            self._write_owner()
        except OSError as error:
            raise UserError(
                f"The lock {path} cannot be written ({error.strerror}): make room, and run the same command again."
            ) from None

    def _write_owner(self) -> None:
        try:
            self._file.truncate(0)
            self._file.write(_me().encode())
        except OSError:
            self._file.close()
            raise

    def check(self) -> None:
        """A file's lock is never lost while its process lives."""

    def release(self) -> None:
        """Let other processes have it."""
        self._file.close()


class AdvisoryLock:
    """A session-level advisory lock of PostgreSQL on a connection of its own, which the server drops when it ends.

    The name of the owner's connection names its process. See the PostgreSQL manual, section 13.3.5.

    Raises:
        UserError: another process holds it; the message names that process.
    """

    def __init__(self, url: sqlalchemy.URL, study: str) -> None:
        self._study = study
        self._engine = sqlalchemy.create_engine(
            url,
            poolclass=sqlalchemy.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"application_name": f"psy_agents {_me()}"[:63], "connect_timeout": CONNECT_TIMEOUT},
        )
        self._connection = self._engine.connect()
        # A database has one set of advisory locks for all its schemas, each of which may hold a store.
        self._key = _keys(f"{self._connection.scalar(sqlalchemy.text('SELECT current_schema()'))} {study}")
        if not self._connection.scalar(sqlalchemy.text("SELECT pg_try_advisory_lock(:a, :b)"), self._key):
            owner = self._owner()
            self.release()
            raise _refusal(study, owner)

    def _owner(self) -> str:
        # pg_locks shows the keys as unsigned numbers.
        unsigned = {name: value % 2**32 for name, value in self._key.items()}
        found = self._connection.scalar(
            sqlalchemy.text(
                "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted"
                " AND classid = :a AND objid = :b AND objsubid = 2 AND pg_locks.database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            ),
            unsigned,
        )
        return (found or "another process").removeprefix("psy_agents ")

    def check(self) -> None:
        """Refuse to continue without the connection: the lock is lost with it."""
        try:
            self._connection.execute(sqlalchemy.text("SELECT 1"))
        except sqlalchemy.exc.DBAPIError:
            raise UserError(
                f"The connection to the study store was lost, and with it the lock on {self._study}: run the same command "
                f"to continue."
            ) from None

    def release(self) -> None:
        """Let other processes have it."""
        self._connection.invalidate()
        self._connection.close()
        self._engine.dispose()
