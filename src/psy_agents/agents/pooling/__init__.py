"""Poolings: each turns a window's token states into one vector. Each module in this folder defines the pooling of its name."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psy_agents.agents.pooling._base import TokenPooling

POOLINGS = tuple(sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_")))


def new_pooling(name: str, hidden: int) -> TokenPooling:
    """Build the pooling of this name for states of size ``hidden``; imports torch."""
    return import_module(f"{__name__}.{name}").Pooling(hidden)
