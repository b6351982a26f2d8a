"""A stage of small trials in a temporary folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from postgres import postgres_schema  # noqa: E402
from search_process import Search  # noqa: E402


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a store may be: each kind in turn, empty."""
    if request.param == "sqlite":
        yield str(tmp_path / "studies.db")
        return
    with postgres_schema() as (_, address):
        yield address
