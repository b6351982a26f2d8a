"""The encoder that a saved agent's adapters belong to: its name, its revision on the hub and the checksums of its files.

It is not saved with the agent: a language model has gigabytes, its adapters a few megabytes.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from psy_agents.agents.encoders.loading import OLDER_WEIGHTS, locate_encoder
from psy_agents.agents.saved.description import read_object
from psy_agents.errors import UserError
from psy_agents.files.checksums import checksum
from psy_agents.files.schema import Schema

BASE = "base.json"


class SavedBase(Schema):
    """``base.json``.

    Attributes:
        encoder: hub name or folder, as `locate_encoder` takes it.
        revision: commit on the hub; None if it came from a folder.
        files: SHA-256 of its configuration and weights.
    """

    encoder: str
    revision: str | None
    files: dict[str, str]


def has_adapters(folder: Path) -> bool:
    """Whether a saved agent, or a member of a saved ensemble, consists of adapters."""
    return any(folder.rglob(BASE))


def describe_base(encoder: str, folder: Path) -> SavedBase:
    """The encoder of this name in its folder; the hub's cache names a snapshot's folder by its commit."""
    revision = folder.name if folder.parent.name == "snapshots" else None
    return SavedBase(encoder=encoder, revision=revision, files=_checksums(folder))


def locate_base(saved: Path) -> Path:
    """Find the encoder of a saved agent with adapters.

    Raises:
        UserError: it is not found, or its files are other ones than those that the adapters were trained on.
    """
    try:
        base = SavedBase.model_validate(read_object(saved / BASE))
    except ValueError:
        raise UserError(f"'{saved}': {BASE} was changed: copy the model again, or refit it.") from None
    try:
        folder = locate_encoder(base.encoder)
    except UserError as error:
        raise UserError(f"'{saved}' holds adapters only, and their encoder is missing. {error}") from None
    if _checksums(folder) != base.files:
        at = f" at revision {base.revision}" if base.revision else ""
        raise UserError(
            f"'{saved}' holds adapters of {base.encoder}{at}, but the files of that encoder here have other checksums: get the same files, "
            "or export the model with export.merge_adapters=true where they are."
        )
    return folder


def _checksums(folder: Path) -> dict[str, str]:
    weights = sorted(folder.glob("*.safetensors")) or sorted(file for pattern in OLDER_WEIGHTS for file in folder.glob(pattern))
    return {file.name: _checksum(file, file.stat().st_size, file.stat().st_mtime_ns) for file in (folder / "config.json", *weights)}


@lru_cache(maxsize=64)
def _checksum(file: Path, size: int, changed: int) -> str:
    """Of a file that was not changed since it was read: every trial that is saved asks for it."""
    return checksum(file)
