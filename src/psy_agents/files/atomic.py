"""Files that are whole or not there: written under a temporary name, flushed to the disk, and renamed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``, which takes its place at the end unless there was an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left_overs(path)
    part = temporary_name(path)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def temporary_name(path: Path) -> Path:
    """Beside ``path``, hidden, and this process's own."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def remove_left_overs(path: Path) -> None:
    """Delete what dead processes of this machine left under temporary names of ``path``, or of its earlier versions.

    Kedro keeps a version in ``name/<version>/name``: the folders beside this version's are looked into too.
    """
    ours = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.tmp")
    versions = path.parent.parent
    for folder in versions.glob("*") if versions.name == path.name else [path.parent]:
        for entry in folder.glob(".*.tmp"):
            found = ours.fullmatch(entry.name)
            if found and not _lives(int(found[1])):
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink(missing_ok=True)


def link_or_copy(source: str, target: str) -> None:
    """A second name for a file, or a copy of it; for `shutil.copytree`."""
    try:
        os.link(source, target)
    except OSError:  # Another disk, or a file system without links.
        shutil.copy2(source, target)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # Another user's.
        return True
    return True
