"""The checksums of a saved agent's files: a missing or altered file is found before the agent is used."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from psy_agents.errors import UserError
from psy_agents.files.checksums import checksum, checksums, file_names

CHECKSUMS = "hashes.json"
REMEDY = "copy the model again, or refit it"


def write_checksums(folder: Path, names: Iterable[str] | None = None) -> None:
    """Record the checksums of these files, by default of all files below the folder."""
    recorded = (name for name in file_names(folder) if name != CHECKSUMS) if names is None else names
    (folder / CHECKSUMS).write_text(json.dumps(checksums(folder, recorded), indent=1, ensure_ascii=False), encoding="utf-8")


def verify_checksums(folder: Path) -> None:
    """Refuse a folder in which a recorded file is missing or altered; other files are ignored.

    Raises:
        UserError: names the first such file.
    """
    try:
        recorded = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        wanted = {str(name): str(value) for name, value in recorded.items()}
    except (ValueError, AttributeError):
        raise UserError(f"'{folder}': {CHECKSUMS}, the list of its files, was altered or cut off: {REMEDY}.") from None
    for name, value in wanted.items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"'{folder}' lacks its file {name}: {REMEDY}.")
        try:
            found = checksum(path)
        except OSError as error:
            raise UserError(f"'{folder}': its file {name} cannot be read ({error.strerror}): {REMEDY}.") from None
        if found != value:
            raise UserError(f"'{folder}': its file {name} is not what was saved, its SHA-256 differs: {REMEDY}.")


def model_checksum(folder: Path) -> str:
    """One checksum for a saved agent: that of the list of its files' checksums."""
    return checksum(folder / CHECKSUMS)
