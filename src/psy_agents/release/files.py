"""The files of an exported folder: checksums, record of origin, and a check against pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from psy_agents.agents.encoders.licences import licence_of
from psy_agents.agents.encoders.loading import locate_encoder
from psy_agents.corpus.agreement import Agreement
from psy_agents.errors import UserError
from psy_agents.files.checksums import checksums, file_names
from psy_agents.files.schema import Schema

CARD, STATEMENT, RECORD = "README.md", "DATA_STATEMENT.md", "export.json"
PICKLES = {".bin", ".ckpt", ".dill", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth"}


class EncoderUsed(Schema):
    """An encoder's `public_name`, and its licence if one is stated."""

    name: str
    licence: str


class ExportRecord(Schema):
    """``export.json``: the contents of the folder, and the agreement on its training data.

    Attributes:
        encoders: encoders of the agent, or of each member of an ensemble.
        files: name -> SHA-256 of every file but the card, which people may edit, and this record.
    """

    agent: str
    corpus: str
    agreement: Agreement | None
    data_hash: str
    git_commit: str
    encoders: list[EncoderUsed]
    licence: str | None
    versions: dict[str, str]
    files: dict[str, str]


def exported_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but the card and the record."""
    return checksums(folder, (name for name in file_names(folder) if name not in (CARD, RECORD)))


def encoders_of(folder: Path) -> list[str]:
    """Sorted names of the encoders of an agent, or of each member of an ensemble, from ``agent.json``."""
    described = (json.loads(file.read_text(encoding="utf-8")) for file in folder.rglob("agent.json"))
    return sorted({str(agent["hyperparameters"]["encoder"]) for agent in described})


def encoders_used(folder: Path) -> list[EncoderUsed]:
    """Public name and licence of each encoder, without paths of this machine."""
    return [EncoderUsed(name=public_name(each), licence=licence_of(locate_encoder(each))) for each in encoders_of(folder)]


def public_name(encoder: str) -> str:
    """A name on the hub, or the last part of a local path, which reveals nothing about this machine."""
    return Path(encoder).name if Path(encoder).is_dir() else encoder


def refuse_pickles(folder: Path) -> None:
    """Refuse a folder with a file that may be unpickled, since unpickling can run code.

    Raises:
        UserError: names the first one.
    """
    found = [name for name in file_names(folder) if Path(name).suffix.lower() in PICKLES]
    if found:
        raise UserError(f"{found[0]} is no file of an agent, and opening it could run code: remove it from the model's folder.")


def write_record(folder: Path, **known: object) -> None:
    """Write ``export.json`` with the checksums of the folder's files."""
    record = ExportRecord.model_validate({**known, "files": exported_hashes(folder)})
    (folder / RECORD).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_record(folder: Path) -> ExportRecord:
    """The record of an exported folder with unchanged files.

    Raises:
        UserError: it is not an exported folder, or a file was changed, added or removed.
    """
    try:
        record = ExportRecord.model_validate_json((folder / RECORD).read_bytes())
    except FileNotFoundError:
        raise UserError(f"The folder has no {RECORD}: only what the pipeline export has made can be published.") from None
    except ValidationError:
        raise UserError(f"{RECORD} is damaged: run the pipeline export again.") from None
    if not (folder / CARD).is_file():
        raise UserError(f"The folder has no {CARD}, its model card: run the pipeline export again.")
    _check_same(record.files, exported_hashes(folder))
    return record


def _check_same(recorded: Mapping[str, str], found: Mapping[str, str]) -> None:
    other = sorted(name for name in {*recorded, *found} if recorded.get(name) != found.get(name))
    if other:
        raise UserError(f"{other[0]} is not as it was exported ({len(other)} such in all): run the pipeline export again, or put it back.")
