"""Files of an exported folder: names, checksums, the record ``export.json``, and a check for pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from psy_agents.agents.encoders.licences import licence_of
from psy_agents.agents.encoders.loading import locate_encoder, named_folder
from psy_agents.corpus.agreement import Agreement
from psy_agents.errors import UserError
from psy_agents.files.checksums import checksums, file_names
from psy_agents.files.schema import Schema

CARD, STATEMENT, RECORD = "README.md", "DATA_STATEMENT.md", "export.json"
PICKLES = {".bin", ".ckpt", ".dill", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth"}


class EncoderLicence(Schema):
    """The `public_name` of an encoder, and its licence."""

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
    encoders: list[EncoderLicence]
    licence: str | None
    versions: dict[str, str]
    files: dict[str, str]


def file_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but the card and the record."""
    return checksums(folder, (name for name in file_names(folder) if name not in (CARD, RECORD)))


def encoder_names(folder: Path) -> list[str]:
    """Sorted names of the encoders in each ``agent.json`` of the folder."""
    described = (json.loads(file.read_text(encoding="utf-8")) for file in folder.rglob("agent.json"))
    return sorted({str(agent["hyperparameters"]["encoder"]) for agent in described})


def encoder_licences(folder: Path) -> list[EncoderLicence]:
    """Public name and licence of each encoder."""
    return [EncoderLicence(name=public_name(each), licence=licence_of(locate_encoder(each))) for each in encoder_names(folder)]


def public_name(encoder: str) -> str:
    """A name on the hub, or the last part of a local path. The full path would reveal details of this machine."""
    folder = named_folder(encoder)
    return encoder if folder is None else folder.name


def refuse_pickles(folder: Path) -> None:
    """Refuse a folder with a pickle: opening a pickle can run code.

    Raises:
        UserError: the message names the first pickle.
    """
    found = [name for name in file_names(folder) if Path(name).suffix.lower() in PICKLES]
    if found:
        raise UserError(f"{found[0]} is no file of an agent, and opening it could run code: remove it from the model's folder.")


def write_record(folder: Path, **known: object) -> None:
    """Write ``export.json`` with the checksums of the folder's files."""
    record = ExportRecord.model_validate({**known, "files": file_checksums(folder)})
    (folder / RECORD).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_record(folder: Path) -> ExportRecord:
    """Read ``export.json``, and check that the files are unchanged.

    Raises:
        UserError: the folder is no export, or a file was changed, added or removed.
    """
    try:
        record = ExportRecord.model_validate_json((folder / RECORD).read_bytes())
    except FileNotFoundError:
        raise UserError(f"The folder has no {RECORD}: only the output of the pipeline export can be published.") from None
    except ValidationError:
        raise UserError(f"{RECORD} is damaged: run the pipeline export again.") from None
    if not (folder / CARD).is_file():
        raise UserError(f"The folder has no {CARD}, its model card: run the pipeline export again.")
    _check_unchanged(record.files, file_checksums(folder))
    return record


def _check_unchanged(recorded: Mapping[str, str], found: Mapping[str, str]) -> None:
    changed = sorted(name for name in {*recorded, *found} if recorded.get(name) != found.get(name))
    if changed:
        raise UserError(
            f"{changed[0]} has changed since the export ({len(changed)} changed in all): run the pipeline export again, or restore it."
        )
