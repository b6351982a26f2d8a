"""A stage of small trials in a temporary folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from search_process import Search  # noqa: E402


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path)
