"""SHA-256 checksums of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


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
