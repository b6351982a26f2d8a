"""Files of what takes long and is kept for the next command, such as measurements of this machine, a file each."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from psy_agents.files.atomic import atomic_write
from psy_agents.files.schema import Schema

log = logging.getLogger(__name__)

Found = TypeVar("Found", bound=Schema)


def keep(file: Path, found: Schema) -> None:
    """Write what was found."""
    with atomic_write(file) as part:
        part.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")


def kept(file: Path, kind: type[Found]) -> Found | None:
    """What was found before; None where nothing was, or where another version wrote it, which is logged."""
    try:
        return kind.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValidationError, UnicodeDecodeError):
        log.warning("%s is no %s of this version: it is made again", file, kind.__name__)
        return None
