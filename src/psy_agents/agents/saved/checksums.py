"""Checksums of a saved agent's files; they reveal a missing or altered file before the agent is loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from psy_agents.agents.saved.description import read_object
from psy_agents.errors import UserError
from psy_agents.files.checksums import checksum, checksums, file_names

CHECKSUMS = "hashes.json"
REMEDY = "copy the model again, or refit it"
READ_WITH_AGENT = re.compile(
    r"agent\.json|base\.json|heads\.safetensors|config\.json|tokenizer.*|special_tokens_map\.json|added_tokens\.json|vocab\..*|merges\.txt|.*\.model"
)
READ_WITH_ENCODER = re.compile(r".*\.safetensors|.*\.index\.json|(adapter_)?config\.json")


def write_checksums(folder: Path, names: Iterable[str] | None = None) -> None:
    """Write the checksums of the named files, by default of all files in the folder."""
    recorded = (name for name in file_names(folder) if name != CHECKSUMS) if names is None else names
    (folder / CHECKSUMS).write_text(json.dumps(checksums(folder, recorded), indent=1, ensure_ascii=False), encoding="utf-8")


def verify_checksums(folder: Path) -> set[str]:
    """Refuse a folder in which a recorded file is missing, altered or elsewhere; returns the recorded names.

    Raises:
        UserError: names the first such file.
    """
    try:
        recorded = read_object(folder / CHECKSUMS) if _is_inside(folder / CHECKSUMS, folder) else {}
    except UserError:
        recorded = {}
    if not recorded or not all(isinstance(value, str) for value in recorded.values()):
        raise UserError(f"'{folder}': {CHECKSUMS}, the list of its files, was altered or cut off: {REMEDY}.")
    for name, value in recorded.items():
        path = folder / name
        if not _is_inside(path, folder):
            raise UserError(f"'{folder}': {CHECKSUMS} names a file outside the folder, {name[:100]!r}: {REMEDY}.")
        if not path.is_file():
            raise UserError(f"'{folder}' lacks its file {name}: {REMEDY}.")
        try:
            actual = checksum(path)
        except OSError as error:
            raise UserError(f"'{folder}': its file {name} cannot be read ({error.strerror}): {REMEDY}.") from None
        if actual != value:
            raise UserError(f"'{folder}': its file {name} is not what was saved, its SHA-256 differs: {REMEDY}.")
    return set(recorded)


def refuse_unlisted(folder: Path, recorded: set[str], encoders: Iterable[str]) -> None:
    """Refuse a file that would be read when the agent is loaded, though the list of its files lacks it.

    Args:
        recorded: names that `verify_checksums` returned.
        encoders: subfolders of encoders.

    Raises:
        UserError: names the first such file.
    """
    present = [path.name for path in folder.iterdir() if READ_WITH_AGENT.fullmatch(path.name)]
    for encoder in encoders:
        found = (folder / encoder).iterdir() if (folder / encoder).is_dir() else ()
        present += [f"{encoder}/{path.name}" for path in found if READ_WITH_ENCODER.fullmatch(path.name)]
    unlisted = sorted(name for name in present if name not in recorded)
    if unlisted:
        raise UserError(f"'{folder}': its file {unlisted[0]} is not in {CHECKSUMS}, the list of its files: remove it, or {REMEDY}.")


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a file lies in the folder, also behind links. The hub's cache keeps the files of a snapshot beside the snapshots."""
    if path.is_absolute() and not path.is_relative_to(folder) or ".." in path.relative_to(folder).parts:
        return False
    try:
        place, home = path.resolve(), folder.resolve()
    except RuntimeError:  # A link that leads to itself.
        return False
    blobs = [parent.parent / "blobs" for parent in home.parents if parent.name == "snapshots"]
    return any(place.is_relative_to(allowed) for allowed in (home, *blobs))


def model_checksum(folder: Path) -> str:
    """Return one checksum for a saved agent: that of the list of its files' checksums."""
    return checksum(folder / CHECKSUMS)
