"""The data agreement of a gated corpus: a person confirms once that it is signed, in a record next to the raw files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import AwareDatetime, Field, ValidationError

from psy_agents.errors import UserError
from psy_agents.files.atomic import atomic_write
from psy_agents.files.checksums import checksum
from psy_agents.files.links import real_path
from psy_agents.files.schema import Schema

RECORD = "data_agreement.json"
"""Name of the record in the folder of the raw files, which git ignores: it names a person."""


class Agreement(Schema):
    """The agreement to sign before a corpus may be used."""

    name: str = Field(min_length=1, description="Its name.")
    url: str = Field(min_length=1, description="Its address.")


class Confirmation(Schema):
    """One person's confirmation that an agreement is signed and kept.

    Attributes:
        files: name -> SHA-256 of the raw files at that time. They are not compared later: an agreement holds for the corpus,
            not for one version of its files.
    """

    agreement: Agreement
    confirmed_by: str
    confirmed_at: AwareDatetime
    files: dict[str, str]


class Record(Schema):
    """The confirmations for the files of a folder, oldest first."""

    confirmations: list[Confirmation] = []


def named_agreement(values: Mapping[str, Any]) -> Agreement:
    """Type an agreement from a configuration file.

    Raises:
        UserError: it lacks its name or url, or has more than these.
    """
    try:
        return Agreement.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(["agreement", *map(str, first["loc"])])
        raise UserError(
            f"conf: globals.yml: {place}: {first['msg']}: write agreement as a name and a url, or as null."
        ) from None


def required_agreements(file: Path, project: Path) -> dict[Path, Agreement]:
    """The agreements of the corpus that a file belongs to, whatever environment opens it; by the corpus's folder.

    Every environment's ``globals.yml`` may name a corpus and its agreement.

    Args:
        file: a raw file, wherever a link leads.
    """
    place, conf, found = real_path(file), project / "conf", {}
    base = _globals(conf / "base")
    for environment in sorted(conf.glob("*/globals.yml")):
        values = base | _globals(environment.parent)
        folder = real_path(project / "data/01_raw" / str(values.get("corpus")))
        if values.get("agreement") and place.is_relative_to(folder):
            found[folder] = named_agreement(values["agreement"])
    return found


def check_file(file: Path, project: Path) -> None:
    """Refuse to open a file of a corpus whose agreement nobody has confirmed.

    Raises:
        UserError: it is not confirmed, or the record is damaged.
    """
    for folder, agreement in required_agreements(file, project).items():
        check_confirmed(agreement, folder)


def check_confirmed(agreement: Agreement, folder: Path) -> None:
    """Refuse a folder of raw files without a confirmed agreement.

    Raises:
        UserError: it is not confirmed, or the record is damaged.
    """
    if all(each.agreement != agreement for each in _read(folder).confirmations):
        raise UserError(
            f"The corpus in {folder.name} is under an agreement, '{agreement.name}' ({agreement.url}), which nobody "
            f'has confirmed here: sign it and keep to it, then run once with --params data_agreement="YOUR NAME".'
        )


def confirm(agreement: Agreement, files: Sequence[Path], confirmed_by: str, corpus: Path | None = None) -> list[Path]:
    """Record that a person has signed the agreement and keeps it.

    A person who has confirmed it before is not recorded again.

    Args:
        files: the raw files; each folder among them gets a record.
        corpus: the folder of the corpus, which gets the record instead.

    Returns:
        The records that were written.

    Raises:
        UserError: the person has no name, a file is not there, or a record is damaged or cannot be written.
    """
    person = " ".join(confirmed_by.split())
    if not any(map(str.isalpha, person)):
        raise UserError('--params data_agreement="YOUR NAME": give the name of the person who signed the agreement.')
    checksums = {file: _checksum(file) for file in files}
    written = []
    for folder in sorted({corpus or file.parent for file in files}):
        record = _read(folder)
        if any((each.agreement, each.confirmed_by) == (agreement, person) for each in record.confirmations):
            continue
        latest = Confirmation(
            agreement=agreement,
            confirmed_by=person,
            confirmed_at=datetime.now(UTC).replace(microsecond=0),
            files={file.name: checksums[file] for file in files if folder in (corpus, file.parent)},
        )
        written.append(_write(folder, Record(confirmations=[*record.confirmations, latest])))
    return written


def _globals(folder: Path) -> dict[str, Any]:
    path = folder / "globals.yml"
    values = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    return values if isinstance(values, dict) else {}


def _read(folder: Path) -> Record:
    path = folder / RECORD
    try:
        return Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Record()
    except OSError as error:
        raise UserError(f"{_shown(path)} cannot be read ({error.strerror}): give yourself the permission.") from None
    except ValidationError:
        raise UserError(f"{_shown(path)} is damaged: put it back as it was, or remove it and confirm again.") from None


def _write(folder: Path, record: Record) -> Path:
    path = folder / RECORD
    try:
        with atomic_write(path, private=True) as part:  # It names a person.
            part.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{_shown(path)} cannot be written ({error.strerror}): is there space, and may you?") from None
    return path


def _checksum(path: Path) -> str:
    try:
        return checksum(path)
    except FileNotFoundError:
        raise UserError(f"{_shown(path)} is missing: put it there before you confirm the agreement for it.") from None
    except OSError as error:
        raise UserError(f"{_shown(path)} cannot be read ({error.strerror}): give yourself the permission.") from None


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
