"""Copies of the project to run commands in, sessions of them, and one project in which everything has run."""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest
from support.finished_project import Finished, NewSession, build_encoder, build_finished, leave_out_tracking, sessions_of
from support.project_copy import copy_project, project_environment
from support.search.postgres import postgres_schema
from support.search.search_process import Search
from support.shared import made_once, parse_configuration_once, read_revisions_once

from psy_agents.hpo.workers.worker import PRELOADED, preload

# A shell starts background jobs with SIGINT ignored, and `nohup` with SIGHUP: the commands that tests start would ignore them too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# Kedro tries to import it for each parameter of each session; to look for what is not installed takes a fifth of a session.
if importlib.util.find_spec("ibis") is None:
    sys.modules["ibis"] = None
gc.disable()  # Until all tests are imported; each collection of garbage would look through what they import.
read_revisions_once()
parse_configuration_once()
os.environ.setdefault("OMP_NUM_THREADS", "1")  # Before torch is imported: workers that share cores wait for each other's threads.

Kedro = Callable[..., subprocess.CompletedProcess]


LONGEST = ("test_agents_at_once.py", "test_recipes.py", "test_torture.py")
"""Files of tests, or of their fixtures, that take ten seconds or more and do not share the finished project."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: one worker begins with them, another takes the rest and then helps, so that both end together."""
    items.sort(key=lambda item: "finished" not in item.fixturenames and item.path.name not in LONGEST)


def pytest_collection_finish() -> None:
    """What stays until the end is never looked through again, and the rest seldom."""
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    gc.enable()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # The first search may need little, and each worker of later ones would import torch for itself.
        preload(PRELOADED)
        forkserver.ensure_running()


def pytest_sessionfinish() -> None:
    """pytest looks five times through all that is left."""
    gc.freeze()


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
    """A random BERT of six layers."""
    return made_once(tmp_path_factory, "encoder", build_encoder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Finished:
    """Shared by all tests and workers: only looked at."""
    return made_once(tmp_path_factory, "finished_project", lambda folder: build_finished(folder / "project", tiny_encoder))


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Path:
    """A copy of the finished project, without tracking."""
    folder = tmp_path / "copied"
    shutil.copytree(finished.folder, folder, ignore=shutil.ignore_patterns("mlruns"))
    leave_out_tracking(folder)
    return folder


@pytest.fixture
def search(tmp_path: Path) -> Search:
    """A stage of small trials in a temporary folder."""
    return Search(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a store may be: each kind in turn, empty."""
    if request.param == "sqlite":
        yield str(tmp_path / "studies.db")
        return
    with postgres_schema() as (_, address):
        yield address
