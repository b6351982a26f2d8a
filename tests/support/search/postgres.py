"""A schema of a local PostgreSQL server that is a test's own."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy

POSTGRES = os.environ.get("PSY_AGENTS_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")


@contextlib.contextmanager
def postgres_schema() -> Iterator[tuple[sqlalchemy.Engine, str]]:
    """The server and the address of a new schema; CI fails where there is no server, other machines skip."""
    url = sqlalchemy.make_url(POSTGRES.replace("postgresql://", "postgresql+psycopg://"))
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5})
    schema = f"psy_agents_{uuid.uuid4().hex[:12]}"
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE SCHEMA {schema}"))
    except sqlalchemy.exc.OperationalError:
        if os.environ.get("CI"):
            raise
        pytest.skip("there is no PostgreSQL server at 127.0.0.1 (set PSY_AGENTS_TEST_POSTGRES)")
    try:
        yield engine, f"{POSTGRES}?options=-csearch_path%3D{schema}"
    finally:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"DROP SCHEMA {schema} CASCADE"))
        engine.dispose()
