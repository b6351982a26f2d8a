"""Atomic writes: a file or folder is written under a temporary name and renamed, so readers never see half of it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psy_agents.files.processes import is_alive


@contextmanager
def atomic_write(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A temporary file that replaces ``path`` when the block ends without an error.

    Args:
        private: only the owner may read it, whatever the umask: it holds texts, labels or predictions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    part = temporary_path(path)
    try:
        if private:
            part.touch(mode=0o600)
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A new temporary folder that replaces ``path`` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    part, old = temporary_path(path), temporary_path(path.with_name(f"{path.name}.old"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        if path.exists():  # A rename replaces no folder that holds files.
            os.replace(path, old)
        os.replace(part, path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def temporary_path(path: Path) -> Path:
    """A hidden name next to ``path`` that holds this process's id."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def remove_leftovers(path: Path) -> None:
    """Delete the temporary files and folders that dead processes of this machine left for ``path`` or its earlier versions.

    Kedro keeps a version in ``name/<version>/name``; the folders of the other versions are searched too.
    """
    pattern = re.compile(rf"\.{re.escape(path.name)}(?:\.old)?\.(\d+)\.tmp")
    versions = path.parent.parent
    for folder in versions.glob("*") if versions.name == path.name else [path.parent]:
        for entry in folder.glob(".*.tmp"):
            found = pattern.fullmatch(entry.name)
            if found and not is_alive(int(found[1])):
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink(missing_ok=True)


def link_or_copy(source: str, target: str) -> None:
    """Hard-link a file, or copy it where the file system has no links; for `shutil.copytree`."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
