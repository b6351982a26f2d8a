"""Hook that checks the input files of a run."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.io.core import generate_timestamp
from kedro.pipeline import Pipeline

from psy_agents.datasets.project import shown_path
from psy_agents.errors import UserError

log = logging.getLogger(__name__)


class InputHooks:
    """Refuses a run whose input files are missing, or whose results an older version would hide, before a node or MLflow starts."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        for name in sorted(pipeline.all_outputs()):
            _refuse_future_version(name, catalog)
        if run_params["only_missing_outputs"]:  # The runner may skip the nodes that read them.
            return
        for name in sorted(pipeline.inputs()):
            _warn_of_future_version(name, catalog)
            if name == "parameters" or name.startswith("params:") or catalog.exists(name):
                continue
            dataset = catalog.get(name)
            file = getattr(dataset, "_filepath", None)
            pinned = getattr(getattr(dataset, "_version", None), "load", None)
            if pinned is not None:
                raise UserError(f"Version {pinned} of {name} does not exist: {_versions(Path(file))}.")
            if file is not None and not getattr(dataset, "optional", False):
                raise UserError(f"{shown_path(file)} is missing (dataset {name}): put it there, or run the pipeline that makes it.")


def _warn_of_future_version(name: str, catalog: CatalogProtocol) -> None:
    future = _future_version(name, catalog)
    if future is not None:
        log.warning("%s is read, though it is of the future: a clock was or is wrong", future)


def _refuse_future_version(name: str, catalog: CatalogProtocol) -> None:
    future = _future_version(name, catalog)
    if future is not None:
        raise UserError(
            f"{future} is of the future, so that later runs would read it in place of what this run saves: set the clock right, or "
            f"delete or rename that folder."
        )


def _future_version(name: str, catalog: CatalogProtocol) -> str | None:
    """The folder of the dataset's latest version, if its time is yet to come."""
    dataset = catalog.get(name)
    if getattr(dataset, "_version", None) is None or dataset._version.load is not None:
        return None
    file = Path(dataset._filepath)
    found = _found_versions(file)
    return shown_path(file / found[-1]) if found and found[-1] > generate_timestamp() else None


def _found_versions(file: Path) -> list[str]:
    """The versions of a dataset, the latest last; each version is a folder with the file inside."""
    return sorted(folder.name for folder in file.glob("*") if (folder / file.name).exists())


def _versions(file: Path) -> str:
    """The number of versions of a dataset and the latest."""
    found = _found_versions(file)
    if not found:
        return f"{shown_path(file)} has no version yet, run the pipeline that makes one"
    return f"{shown_path(file)} has {len(found)}, the latest is {found[-1]}"
