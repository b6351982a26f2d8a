"""The registry of baselines: it finds the systems in the folder `systems`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from psy_agents.baselines import systems
from psy_agents.baselines.system import BaselineSetup, System


def systems_of(setup: BaselineSetup) -> list[System]:
    """The systems that the configuration asks for, in the order of the report: rules, then systems by name."""
    modules = [import_module(f"{systems.__name__}.{module.name}") for module in iter_modules(systems.__path__)]
    classes = sorted((module.SYSTEM for module in modules), key=lambda system: (system.chosen_on_validation, system.__module__))
    return [system(setup) for system in classes if system.is_used(setup.config)]


def baseline_names(systems: Iterable[System]) -> list[str]:
    """The names of the systems' baselines: those of criteria, then those of evidence."""
    found = sorted((baseline for system in systems for baseline in system.baselines), key=lambda baseline: baseline.side == "evidence")
    return [baseline.name for baseline in found]
