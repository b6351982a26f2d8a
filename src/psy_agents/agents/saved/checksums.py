"""Checksums of a saved agent's files; they reveal a missing or altered file before the agent is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from psy_agents.errors import UserError
from psy_agents.files.checksums import checksum, checksums, file_names

CHECKSUMS = "hashes.json"
REMEDY = "copy the model again, or refit it"


def write_checksums(folder: Path, names: Iterable[str] | None = None) -> None:
    """Write the checksums of the named files, by default of all files in the folder."""
    recorded = (name for name in file_names(folder) if name != CHECKSUMS) if names is None else names
    (folder / CHECKSUMS).write_text(json.dumps(checksums(folder, recorded), indent=1, ensure_ascii=False), encoding="utf-8")


def verify_checksums(folder: Path) -> None:
    """Refuse a folder in which a recorded file is missing or altered; other files are ignored.

    Raises:
        UserError: names the first such file.
    """
    try:
        recorded = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        expected = {str(name): str(value) for name, value in recorded.items()}
    except (ValueError, AttributeError):
        raise UserError(f"'{folder}': {CHECKSUMS}, the list of its files, was altered or cut off: {REMEDY}.") from None
    for name, value in expected.items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"'{folder}' lacks its file {name}: {REMEDY}.")
        try:
            actual = checksum(path)
        except OSError as error:
            raise UserError(f"'{folder}': its file {name} cannot be read ({error.strerror}): {REMEDY}.") from None
        if actual != value:
            raise UserError(f"'{folder}': its file {name} is not what was saved, its SHA-256 differs: {REMEDY}.")


def model_checksum(folder: Path) -> str:
    """Return one checksum for a saved agent: that of the list of its files' checksums."""
    return checksum(folder / CHECKSUMS)
