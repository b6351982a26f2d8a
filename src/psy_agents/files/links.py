"""Where links lead."""

from __future__ import annotations

import os
from pathlib import Path


def real_path(path: Path) -> Path:
    """The absolute path behind all links; of a link that leads to itself, its own.

    `Path.resolve` raises on such a link, and only before Python 3.13. Whoever opens the file reports it.
    """
    return Path(os.path.realpath(path))
