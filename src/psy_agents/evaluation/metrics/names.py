"""How a criterion's id becomes part of a metric's name, which MLflow and the studies store."""

from __future__ import annotations

import hashlib
import re

LONGEST = 160
"""Characters of an id in a name; MLflow takes 250 for the whole name."""


def name_part(criterion: str) -> str:
    """The id with every character but letters, digits, ``_`` and ``-`` as ``:hex:``; different ids give different parts.

    A dot or a slash would make MLflow refuse the name, or show it as a path. The end of a long id is replaced by a hash.
    """
    part = re.sub(r"[^\w-]", lambda found: f":{ord(found[0]):x}:", criterion)
    if len(part) <= LONGEST:
        return part
    return f"{part[:LONGEST]}::{hashlib.sha256(criterion.encode()).hexdigest()[:16]}"
