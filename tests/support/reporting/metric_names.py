"""Names of metrics as files have them, which no text for a reader shows."""

from __future__ import annotations

import re

from psy_agents.evaluation.metrics.registry import TITLES


def raw_metric_names(text: str) -> set[str]:
    """The names in a text whose titles it should have: ``macro_f1`` instead of macro-F1. Names without an underscore are words too."""
    written = set(re.findall(r"[a-z0-9_]+", text.replace("\\_", "_")))
    return {name for name in TITLES if "_" in name} & written
