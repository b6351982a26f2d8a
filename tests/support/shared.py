"""Things that are expensive to make: once for all workers of a test run."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Made = TypeVar("Made")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """The result of ``make(folder)``: the first worker that asks runs it, the others wait for it and read it.

    Args:
        factory: its base folder lies in one that all workers share.
        name: of the folder; unique in the test run.
        make: fills the empty folder; its result is pickled.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, result = root / name, root / f"{name}.pickle"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            shutil.rmtree(folder, ignore_errors=True)  # Left by a worker in which ``make`` has failed.
            folder.mkdir()
            made = make(folder)
            partial = result.with_suffix(".partial")
            partial.write_bytes(pickle.dumps(made))
            partial.replace(result)
        return pickle.loads(result.read_bytes())
