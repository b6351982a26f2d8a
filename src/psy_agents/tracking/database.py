"""MLflow's sqlite database: checked before MLflow opens it, opened by one process at a time, and moved along with the project."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

from psy_agents.files.locks import wait_for_lock

log = logging.getLogger(__name__)

BUSY = 20
"""Seconds to wait for another program that writes."""
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
"""Columns of MLflow's tables that hold addresses of artifacts."""


@contextlib.contextmanager
def opening(tracking_uri: str) -> Iterator[None]:
    """Check that the database can be written, and let no other process open it meanwhile: the first makes its tables.

    MLflow itself tries an unusable database for more than a minute.

    Raises:
        OSError, sqlite3.Error: it cannot be written.
    """
    path = _sqlite_file(tracking_uri)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with wait_for_lock(path.with_name(f"{path.name}.opening")):
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        yield


def mend_addresses(tracking_uri: str, experiment: str, artifact_location: str) -> None:
    """Replace the old place in the database by the new one, if the experiment's artifacts moved along with the project.

    An experiment keeps the absolute artifact location it was made with: new models would go to the old place.

    Args:
        tracking_uri: of the database; nothing is done unless it is an sqlite file that is there.
        artifact_location: where the configuration wants the experiment's artifacts.
    """
    path = _sqlite_file(tracking_uri)
    if path is None or not path.is_file():
        return
    import sqlalchemy

    engine = sqlalchemy.create_engine(tracking_uri, poolclass=sqlalchemy.NullPool)
    inspector = sqlalchemy.inspect(engine)
    if not inspector.has_table("experiments"):
        return
    with engine.begin() as connection:
        query = sqlalchemy.text("SELECT artifact_location FROM experiments WHERE name = :name")
        old = connection.scalar(query, {"name": experiment})
        if old in (None, artifact_location):
            return
        before, now = _folder(old), _folder(artifact_location)
        if before is None or now is None:
            return
        if before.exists() and not now.exists():
            log.warning("MLflow's experiment %s keeps its artifacts in %s, where it was made, not in %s", experiment, before, now)
            return
        columns = {name: {column["name"] for column in inspector.get_columns(name)} for name in inspector.get_table_names()}
        for table, column in ADDRESSES:
            if column in columns.get(table, ()):
                replaced = f"UPDATE {table} SET {column} = :new || substr({column}, :length) WHERE substr({column}, 1, :length - 1) = :old"
                connection.execute(sqlalchemy.text(replaced), {"new": artifact_location, "old": old, "length": len(old) + 1})
    log.info("the project was moved or copied from %s: MLflow's addresses now name this folder", before.parents[1])


def remove_stray_folder(tracking_uri: str) -> None:
    """Remove the empty folders that MLflow makes beside a project whose name is encoded in the address: it makes the encoded name."""
    encoded = Path(urlparse(tracking_uri).path.removeprefix("/")).parent
    if not tracking_uri.startswith("sqlite:") or unquote(str(encoded)) == str(encoded):
        return
    for folder in (encoded, *encoded.parents):
        if unquote(folder.name) == folder.name and unquote(str(folder)) == str(folder):
            return
        with contextlib.suppress(OSError):  # Not there, or not empty: then it is not MLflow's.
            folder.rmdir()


def _sqlite_file(tracking_uri: str) -> Path | None:
    """The database's file; None for another kind of store."""
    import sqlalchemy  # Every command of Kedro's imports this module, and few open a database.

    database = sqlalchemy.make_url(tracking_uri).database if tracking_uri.startswith("sqlite:") else None
    return Path(database) if database else None


def _folder(address: str) -> Path | None:
    """The local folder of an address, or None if it is elsewhere."""
    parts = urlparse(address)
    return Path(unquote(parts.path)) if parts.scheme in ("file", "") else None
