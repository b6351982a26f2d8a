"""An objective that does nothing but import what a real one does; light, so that workers import nothing else with it."""

from __future__ import annotations

from typing import Any


class Importing:
    """Imports in the worker what the fork server has not."""

    def __init__(self, setup: Any) -> None:
        import torch  # noqa: F401
        import transformers  # noqa: F401

        import psy_agents.hpo.objective  # noqa: F401
