"""A saved agent's files by their SHA-256, so that one that is missing or was changed is found before it is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from psy_agents.errors import UserError

HASHES = "hashes.json"
REMEDY = "copy the model again, or refit it"


def write_hashes(folder: Path, names: Iterable[str] | None = None) -> None:
    """Note these files of the folder, by default every other one below it, by their paths in it."""
    noted = (name for name in names_of(folder) if name != HASHES) if names is None else names
    (folder / HASHES).write_text(json.dumps(hashes_of(folder, noted), indent=1, ensure_ascii=False), encoding="utf-8")


def names_of(folder: Path) -> list[str]:
    """Every file below a folder by its relative name, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def hashes_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files by their relative names."""
    return {name: file_sha256(folder / name) for name in names}


def check_hashes(folder: Path) -> None:
    """Refuse a folder in which a noted file is missing or another one than was saved; further files are not looked at.

    The folder has its list of hashes.

    Raises:
        UserError: names the first such file.
    """
    try:
        hashes = json.loads((folder / HASHES).read_text(encoding="utf-8"))
        wanted = {str(name): str(value) for name, value in hashes.items()}
    except (ValueError, AttributeError):
        raise UserError(f"'{folder}': {HASHES}, the list of its files, was altered or cut off: {REMEDY}.") from None
    for name, value in wanted.items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"'{folder}' lacks its file {name}: {REMEDY}.")
        try:
            found = file_sha256(path)
        except OSError as error:
            raise UserError(f"'{folder}': its file {name} cannot be read ({error.strerror}): {REMEDY}.") from None
        if found != value:
            raise UserError(f"'{folder}': its file {name} is not what was saved, its SHA-256 differs: {REMEDY}.")


def model_hash(folder: Path) -> str:
    """One hash that stands for all files of a saved agent."""
    return file_sha256(folder / HASHES)


def file_sha256(path: Path) -> str:
    """In hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
