"""An objective that only imports the modules of the real one. This file imports nothing itself, to measure a worker's start."""

from __future__ import annotations

from typing import Any


class Importing:
    """Imports the modules that the fork server has not preloaded."""

    def __init__(self, setup: Any) -> None:
        import torch  # noqa: F401
        import transformers  # noqa: F401

        import psy_agents.hpo.objective  # noqa: F401
