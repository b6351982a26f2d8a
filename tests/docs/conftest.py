"""The built site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.shared import made_once

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def build(folder: Path) -> Path:
        # Not with --quiet: it hides the warnings from --strict too.
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
        assert ended.returncode == 0, ended.stderr
        return folder

    return made_once(tmp_path_factory, "site", build)
