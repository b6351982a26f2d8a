"""Hook that checks the input files of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from psy_agents.datasets.project import shown_path
from psy_agents.errors import UserError


class InputHooks:
    """Refuses a run whose input files are missing, before a node or MLflow starts."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        if run_params["only_missing_outputs"]:  # The runner may skip the nodes that read them.
            return
        for name in sorted(pipeline.inputs()):
            if name == "parameters" or name.startswith("params:") or catalog.exists(name):
                continue
            dataset = catalog.get(name)
            file = getattr(dataset, "_filepath", None)
            pinned = getattr(getattr(dataset, "_version", None), "load", None)
            if pinned is not None:
                raise UserError(f"Version {pinned} of {name} does not exist: {_versions(Path(file))}.")
            if file is not None and not getattr(dataset, "optional", False):
                raise UserError(f"{shown_path(file)} is missing (dataset {name}): put it there, or run the pipeline that makes it.")


def _versions(file: Path) -> str:
    """The number of versions of a dataset and the latest; each version is a folder with the file inside."""
    found = sorted(folder.name for folder in file.glob("*") if (folder / file.name).exists())
    if not found:
        return f"{shown_path(file)} has no version yet, run the pipeline that makes one"
    return f"{shown_path(file)} has {len(found)}, the latest is {found[-1]}"
