"""A saved model as a versioned dataset: a folder that is whole or not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from kedro.io import Version

from psy_agents.datasets.local import LocalVersionedDataset
from psy_agents.errors import UserError
from psy_agents.resolvers import shown_path
from psy_agents.whole_file import link_or_copy, remove_left_overs, temporary_name


class ModelFolderDataset(LocalVersionedDataset[Path, Path]):
    """A folder that is given by its path, and loaded as one.

    Saving gives the files a second name in the new version where the disk can (hard links), so that a model that lies
    elsewhere on the same disk takes no more room; else it copies them.

    Args:
        filepath: where; relative to the project.
    """

    def __init__(self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, there=Path.is_dir, version=version, metadata=metadata)

    def load(self) -> Path:
        folder = Path(self._get_load_path())
        if not folder.is_dir():
            raise UserError(f"{shown_path(folder)} is no folder of a model: run the pipeline that makes it.")
        return folder

    def save(self, data: Path) -> None:
        target = Path(self._get_save_path())
        remove_left_overs(target)
        part = temporary_name(target)
        try:
            shutil.copytree(data, part, copy_function=link_or_copy)
            os.replace(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
