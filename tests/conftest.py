"""A copy of the project to run commands in: nothing that a test does touches the checkout."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from project_copy import copy_project, project_environment

Kedro = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Code, configuration and the bundled corpus; no data made from it, no runs."""
    folder = tmp_path / "project"
    copy_project(folder)
    return folder


@pytest.fixture
def kedro(project: Path) -> Kedro:
    """Runs a kedro command in the copied project, as a user's shell does."""

    def run(*args: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "kedro", *args],
            cwd=project,
            env={**project_environment(project), **environment},
            capture_output=True,
            text=True,
            timeout=600,
        )

    return run
