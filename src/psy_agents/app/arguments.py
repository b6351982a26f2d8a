"""Checks of a command's folder and options before its configuration is read: agent, runner, versions to load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.runner import AbstractRunner, SequentialRunner

from psy_agents.agents.registry import AGENTS
from psy_agents.app.parameter_errors import closest
from psy_agents.errors import UserError


def check_folder(project: Path, conf_source: str) -> None:
    """Refuse a folder without the configuration, and one whose name Kedro would read as a pattern.

    Args:
        conf_source: the folder of the configuration, or an archive of it.
    """
    if "[" in str(project):
        raise UserError(f"The project's folder {project} has a [ in its name, which Kedro reads as a pattern: rename it.")
    conf = Path(conf_source)
    if "://" not in conf_source and not conf.is_file() and not (conf / "base").is_dir():
        raise UserError(
            f"There is no configuration in {conf}: run this in a clone of the repository, or bring its folders conf and data with its "
            f"pyproject.toml; the package holds the code alone."
        )


def check_agent(params: Mapping[str, Any]) -> None:
    """Refuse ``agent=`` without a name, as an empty variable of a shell gives it: it would run all agents."""
    if "agent" in params and params["agent"] in (None, ""):
        raise UserError(f"--params agent= has no name: give one of {', '.join(AGENTS)}, or leave it out to run all.")


def check_dry_run(params: Mapping[str, Any]) -> None:
    """Refuse a ``dry_run`` that is neither true nor false: what follows may take days."""
    if "dry_run" in params and not isinstance(params["dry_run"], bool):
        raise UserError(f"--params dry_run={params['dry_run']}: give dry_run=true, or leave it out to run.")


def check_runner(runner: AbstractRunner | None) -> None:
    """Refuse Kedro's parallel runners: trials already run in parallel, and each study has one writer."""
    if runner is not None and not isinstance(runner, SequentialRunner):
        raise UserError(
            f"--runner {type(runner).__name__}: this project runs its nodes in turn: leave --runner out, and set hpo.workers.count to run "
            f"trials at the same time."
        )


def check_load_versions(versions: Mapping[str, str] | None, catalog: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse versions of datasets that are unknown or have none.

    Args:
        versions: by dataset.
        catalog: the catalog's configuration.
    """
    for name in versions or {}:
        entry = catalog.get(name) or catalog.get(_pattern_of(name, catalog))
        if entry is None:
            versioned = [each for each, found in catalog.items() if _versioned(found)]
            raise UserError(f"--load-versions {name}: there is no such dataset{closest(name, versioned)}")
        if not _versioned(entry):
            raise UserError(f"--load-versions {name}: this dataset has no versions: leave it out.")


def _versioned(entry: Any) -> bool:
    return isinstance(entry, Mapping) and bool(entry.get("versioned"))


def _pattern_of(name: str, catalog: Mapping[str, Any]) -> str:
    """The pattern of the catalog that stands for an agent's dataset; the name itself if there is none."""
    agent, _, dataset = name.partition(".")
    pattern = "{agent}." + dataset
    return pattern if agent in AGENTS and pattern in catalog else name
