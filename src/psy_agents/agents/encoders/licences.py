"""Licences of encoders, as their own model cards state them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

log = logging.getLogger(__name__)

NOT_STATED = "not stated"
NON_COMMERCIAL = re.compile(r"(^|[^a-z])nc([^a-z]|$)|non-?commercial", re.IGNORECASE)
"""As in cc-by-nc-4.0, the hub's name for Creative Commons' non-commercial licences."""


def licence_of(folder: Path) -> str:
    """The licence in the header of a saved encoder's README.md, by the hub's name for it, or `NOT_STATED`."""
    import yaml
    from huggingface_hub import metadata_load

    card = folder / "README.md"
    if not card.is_file():
        return NOT_STATED
    try:
        header = metadata_load(card) or {}
    except (yaml.YAMLError, ValueError):  # A card that cannot be read states nothing.
        return NOT_STATED
    licence = header.get("license") or NOT_STATED
    licence = ", ".join(map(str, licence)) if isinstance(licence, list) else str(licence)
    return str(header.get("license_name") or licence) if licence == "other" else licence


def log_licence(encoder: str, folder: Path) -> None:
    """Log which licence an encoder is under; a warning where it allows no commercial use."""
    licence = licence_of(folder)
    if NON_COMMERCIAL.search(licence):
        log.warning("encoder %s: licence %s: not for commercial use", encoder, licence)
    else:
        log.info("encoder %s: licence %s", encoder, licence)
