"""A folder of results as a versioned dataset: it is moved to its version, and nothing stays where it was made."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

from kedro.io import Version

from psy_agents.datasets.local import LocalVersionedDataset
from psy_agents.errors import UserError
from psy_agents.resolvers import shown_path
from psy_agents.whole_file import remove_left_overs, temporary_name


class MovedFolderDataset(LocalVersionedDataset[Path, Path]):
    """A folder that is given by its path, and loaded as one; whole or not there.

    Args:
        filepath: where; relative to the project.
    """

    def __init__(self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, there=Path.is_dir, version=version, metadata=metadata)

    def load(self) -> Path:
        folder = Path(self._get_load_path())
        if not folder.is_dir():
            raise UserError(f"{shown_path(folder)} is no folder of results: run the pipeline that makes it.")
        return folder

    def save(self, data: Path) -> None:
        target = Path(self._get_save_path())
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_left_overs(target)
        try:
            os.rename(data, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._copy(data, target)

    @staticmethod
    def _copy(data: Path, target: Path) -> None:
        """To another disk, and only then away from the first one."""
        part = temporary_name(target)
        try:
            shutil.copytree(data, part)
            os.replace(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(data)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
