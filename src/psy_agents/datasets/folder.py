"""The base of datasets that are folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from kedro.io import Version

from psy_agents.datasets.local import LocalVersionedDataset
from psy_agents.datasets.project import shown_path
from psy_agents.errors import UserError


class FolderDataset(LocalVersionedDataset[Path, Path]):
    """A versioned folder. Its path is what is saved and loaded.

    Args:
        filepath: relative to the project.
    """

    HOLDS: ClassVar[str]
    """What the folder holds, for error messages."""

    def __init__(self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, is_saved=Path.is_dir, version=version, metadata=metadata)

    def load(self) -> Path:
        folder = Path(self._get_load_path())
        if not folder.is_dir():
            raise UserError(f"{shown_path(folder)} is not a folder with {self.HOLDS}: run the pipeline that makes it.")
        return folder

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
