"""Licences of encoders, as their model cards state them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

log = logging.getLogger(__name__)

NOT_STATED = "not stated"
NON_COMMERCIAL = re.compile(r"(^|[^a-z])nc([^a-z]|$)|non-?commercial", re.IGNORECASE)
"""Matches the hub's names of non-commercial licences, such as cc-by-nc-4.0."""


def licence_of(folder: Path) -> str:
    """Return the licence in the header of a saved encoder's README.md, by its name on the hub, or `NOT_STATED`."""
    import yaml
    from huggingface_hub import metadata_load

    card = folder / "README.md"
    if not card.is_file():
        return NOT_STATED
    try:
        header = metadata_load(card) or {}
    except (yaml.YAMLError, ValueError):  # The header is not valid YAML.
        return NOT_STATED
    licence = header.get("license") or NOT_STATED
    licence = ", ".join(map(str, licence)) if isinstance(licence, list) else str(licence)
    return str(header.get("license_name") or licence) if licence == "other" else licence


def log_licence(encoder: str, folder: Path) -> None:
    """Log an encoder's licence; a non-commercial licence is a warning."""
    licence = licence_of(folder)
    if NON_COMMERCIAL.search(licence):
        log.warning("encoder %s: licence %s: not for commercial use", encoder, licence)
    else:
        log.info("encoder %s: licence %s", encoder, licence)
