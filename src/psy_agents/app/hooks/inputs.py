"""A run whose files are missing is refused before a node or MLflow has begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from psy_agents.datasets.project import shown_path
from psy_agents.errors import UserError


class InputHooks:
    """Refuses a run whose files are missing, before a node or MLflow has begun."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        if run_params["only_missing_outputs"]:  # The runner may leave out the nodes that read them.
            return
        for name in sorted(pipeline.inputs()):
            if name == "parameters" or name.startswith("params:") or catalog.exists(name):
                continue
            dataset = catalog.get(name)
            file = getattr(dataset, "_filepath", None)
            pinned = getattr(getattr(dataset, "_version", None), "load", None)
            if pinned is not None:
                raise UserError(f"Version {pinned} of {name} is not there: {_versions(Path(file))}.")
            if file is not None and not getattr(dataset, "optional", False):
                raise UserError(f"{shown_path(file)} is missing (dataset {name}): put it there, or run the pipeline that makes it.")


def _versions(file: Path) -> str:
    """How many versions of a dataset there are, and the latest; a version is a folder that holds the file's name again."""
    found = sorted(folder.name for folder in file.glob("*") if (folder / file.name).exists())
    if not found:
        return f"{shown_path(file)} has no version yet, run the pipeline that makes one"
    return f"{shown_path(file)} has {len(found)}, the latest is {found[-1]}"
