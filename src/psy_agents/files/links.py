"""Where links lead."""

from __future__ import annotations

import os
from pathlib import Path


def real_path(path: Path) -> Path:
    """The absolute path behind all links; of a link that leads to itself, its own.

    Before Python 3.13 `Path.resolve` raises an error for such a link. Here it has a path, and to open that path fails.
    """
    return Path(os.path.realpath(path))
