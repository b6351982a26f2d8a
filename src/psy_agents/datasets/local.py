"""What datasets of our own share: files of the project, their versions, and those that need not be there yet."""

from __future__ import annotations

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


def nothing_yet(dataset: Any) -> bool:
    """Whether an ``optional`` dataset has no file to load; a version that was asked for must be there."""
    pinned = dataset._version is not None and dataset._version.load is not None
    return dataset.optional and not pinned and not dataset.exists()


# Functions by name: a model in MLflow holds a pickled dataset, and a lambda would bring the path of this file along.
def _is_there(path: str) -> bool:
    return Path(path).exists()


def _matches(pattern: str) -> list[str]:
    return [path.as_posix() for path in Path("/").glob(pattern.lstrip("/"))]


class LocalVersionedDataset(AbstractVersionedDataset[Saved, Loaded]):
    """A versioned dataset on this machine's file system.

    Args:
        filepath: where; relative to the project.
        there: whether a path holds a saved version.
    """

    def __init__(self, *, filepath: str, there: Callable[[Path], bool], version: Version | None, metadata: dict[str, Any] | None) -> None:
        self.metadata = metadata
        self._there = there
        super().__init__(
            filepath=local_path(filepath),
            version=version,
            exists_function=_is_there,
            glob_function=_matches,
        )

    def _exists(self) -> bool:
        try:
            return self._there(Path(self._get_load_path()))
        except DatasetError:
            return False
