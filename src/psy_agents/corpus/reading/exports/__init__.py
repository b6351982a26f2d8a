"""Exports of annotation tools: each module in this folder reads the export of the tool of its name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psy_agents.corpus.reading.exports._base import Export

TOOLS = tuple(sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_")))


def read_export(tool: str, path: Path, name: str) -> Export:
    """The posts and annotations of an export.

    Args:
        tool: one of TOOLS.
        name: what messages call the file.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it cannot be read, or is no export of this tool.
    """
    return import_module(f"{__name__}.{tool}").read(path, name)
