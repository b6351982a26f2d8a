"""A copy of the project to run commands in: nothing that a test does touches the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORPUS = Path("data/01_raw/synthetic")

Kedro = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Code, configuration and the bundled corpus; no data made from it, no runs."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "local")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=ignored)
    (folder / "conf" / "local").mkdir()
    shutil.copytree(ROOT / CORPUS, folder / CORPUS)
    return folder


@pytest.fixture
def kedro(project: Path) -> Kedro:
    """Runs a kedro command in the copied project, as a user's shell does."""

    def run(*args: str, **environment: str) -> subprocess.CompletedProcess:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HPO_", "KEDRO_"))}
        return subprocess.run(
            [sys.executable, "-m", "kedro", *args],
            cwd=project,
            env={**inherited, "PYTHONPATH": str(project / "src"), "HF_HUB_OFFLINE": "1", **environment},
            capture_output=True,
            text=True,
            timeout=600,
        )

    return run
