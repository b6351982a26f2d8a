"""Sessions of copied projects in this process, and one project in which everything has run."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from finished_project import (  # noqa: E402
    Finished,
    NewSession,
    build_encoder,
    build_finished,
    leave_out_tracking,
    sessions_of,
)


@pytest.fixture
def session(project: Path, monkeypatch: pytest.MonkeyPatch) -> NewSession:
    """Makes sessions of the copied project."""
    return sessions_of(project, monkeypatch)


@pytest.fixture
def untracked(project: Path) -> None:
    """Leaves MLflow out of the copied project."""
    leave_out_tracking(project)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Finished:
    """Shared by all tests: only looked at."""
    return build_finished(tmp_path_factory.mktemp("finished") / "project", tiny_encoder)


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Path:
    """A copy of the finished project to go on with, without tracking."""
    folder = tmp_path / "copied"
    shutil.copytree(finished.folder, folder)
    leave_out_tracking(folder)
    return folder
