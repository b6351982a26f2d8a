"""A saved agent's files by their SHA-256, so that one that is missing or was changed is found before it is used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from psy_agents.errors import UserError

HASHES = "hashes.json"
REMEDY = "copy the model again, or refit it"


def write_hashes(folder: Path) -> None:
    """Note every other file below the folder, by its path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / HASHES)
    hashes = {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}
    (folder / HASHES).write_text(json.dumps(hashes, indent=1, ensure_ascii=False), encoding="utf-8")


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
