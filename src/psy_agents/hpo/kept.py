"""Files of what was measured on this machine, a file a measurement."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from psy_agents.files.atomic import atomic_write
from psy_agents.files.schema import Schema

log = logging.getLogger(__name__)

Measured = TypeVar("Measured", bound=Schema)


def keep(file: Path, measured: Schema) -> None:
    """Write what was measured."""
    with atomic_write(file) as part:
        part.write_text(measured.model_dump_json(indent=1) + "\n", encoding="utf-8")


def kept(file: Path, kind: type[Measured]) -> Measured | None:
    """What was measured before; None where nothing was, or where another version wrote it, which is logged."""
    try:
        return kind.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValidationError, UnicodeDecodeError):
        log.warning("%s is no measurement of this version: it is made again", file)
        return None
