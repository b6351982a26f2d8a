"""SHA-256 checksums of files, and of this package's code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def checksum(path: Path) -> str:
    """The file's SHA-256, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The checksum of each file, by its path relative to the folder."""
    return {name: checksum(folder / name) for name in names}


def file_names(folder: Path) -> list[str]:
    """The paths of all files below a folder, relative to it, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def file_states(folder: Path) -> dict[str, list[int]]:
    """The size in bytes of each file below a folder and the time of its last change in nanoseconds, by its path relative to the folder.

    They change with the file, and take no time with gigabytes of weights.
    """
    found = {name: (folder / name).stat() for name in file_names(folder)}
    return {name: [each.st_size, each.st_mtime_ns] for name, each in found.items()}


@lru_cache
def code_checksum() -> str:
    """The SHA-256 of all modules of this package, in hex."""
    names = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return hashlib.sha256(repr(checksums(PACKAGE, names)).encode()).hexdigest()
