"""Sessions that continue in a copy of the finished project."""

from __future__ import annotations

import pytest
from support.finished_project import sessions_of, training


@pytest.fixture
def resumed(copied, monkeypatch, finished):
    """Sessions of a copy of the finished project, with its training parameters unless others are given."""
    new = sessions_of(copied, monkeypatch)
    return lambda **params: new(env="test", **{"training": training(finished.encoder), **params})
