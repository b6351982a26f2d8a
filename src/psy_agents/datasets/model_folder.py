"""A saved model as a versioned dataset: a folder that is whole or not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractVersionedDataset, DatasetError, Version

from psy_agents.errors import UserError
from psy_agents.resolvers import PROJECT, shown_path


class ModelFolderDataset(AbstractVersionedDataset[Path, Path]):
    """A folder that is given by its path, and loaded as one.

    Saving gives the files a second name in the new version where the disk can (hard links), so that a model that lies
    elsewhere on the same disk takes no more room; else it copies them. Tables that lie beside the model, such as its
    predictions, hold ids of posts: they are left out, so that the folder can be handed on.

    Args:
        filepath: where; relative to the project.
    """

    def __init__(self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata
        path = Path(filepath)
        super().__init__(
            filepath=PurePosixPath((path if path.is_absolute() else PROJECT / path).as_posix()),
            version=version,
            exists_function=lambda name: Path(name).exists(),
            glob_function=lambda pattern: [p.as_posix() for p in Path("/").glob(pattern.lstrip("/"))],
        )

    def load(self) -> Path:
        folder = Path(self._get_load_path())
        if not folder.is_dir():
            raise UserError(f"{shown_path(folder)} is no folder of a model: run the pipeline that makes it.")
        return folder

    def save(self, data: Path) -> None:
        target = Path(self._get_save_path())
        part = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            shutil.copytree(data, part, ignore=shutil.ignore_patterns("*.parquet"), copy_function=_link_or_copy)
            os.replace(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).is_dir()
        except DatasetError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # Another disk, or a file system without links.
        shutil.copy2(source, target)
