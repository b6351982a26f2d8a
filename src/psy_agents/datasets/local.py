"""The base of datasets on the local file system: paths of the project, versions, optional files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from kedro.io import AbstractVersionedDataset, DatasetError, Version

from psy_agents.datasets.project import PROJECT

Saved, Loaded = TypeVar("Saved"), TypeVar("Loaded")


def local_path(filepath: str) -> PurePosixPath:
    """The absolute path of a file; a relative one is relative to the project."""
    path = Path(filepath)
    return PurePosixPath((path if path.is_absolute() else PROJECT / path).as_posix())


# A named function: an MLflow model holds a pickled dataset, and a pickled lambda contains the path of this file.
def _matching_paths(pattern: str) -> list[str]:
    return [path.as_posix() for path in Path("/").glob(pattern.lstrip("/"))]


class LocalVersionedDataset(AbstractVersionedDataset[Saved, Loaded]):
    """A versioned dataset on the local file system.

    Args:
        filepath: relative to the project.
        is_saved: decides whether a path holds a saved version.
        optional: whether a file that does not exist yet loads as None.
    """

    def __init__(
        self,
        *,
        filepath: str,
        is_saved: Callable[[Path], bool],
        version: Version | None,
        metadata: dict[str, Any] | None,
        optional: bool = False,
    ) -> None:
        self.metadata, self.optional = metadata, optional
        self._is_saved = is_saved
        super().__init__(
            filepath=local_path(filepath),
            version=version,
            exists_function=os.path.exists,
            glob_function=_matching_paths,
        )

    def _exists(self) -> bool:
        try:
            return self._is_saved(Path(self._get_load_path()))
        except DatasetError:
            return False

    def _is_optional_and_missing(self) -> bool:
        """True if `load` returns None; a requested version must exist."""
        version_requested = self._version is not None and self._version.load is not None
        return self.optional and not version_requested and not self.exists()
