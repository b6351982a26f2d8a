"""Several files of one kind as one entry of the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, Version
from kedro.utils import load_obj

from psy_agents.datasets.local import local_path


class FilesDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """A file for each name, with its versions: ``<folder>/<name><suffix>/<version>/<name><suffix>``.

    Args:
        path: of the folder, relative to the project. Kedro makes an entry's `path` absolute, and no other name of a folder.
        suffix: of every file, such as ``.csv``.
        dataset: dotted name of the dataset of one file.
        private: names of files that only their owner may read, and ``private_dataset`` their dataset.
    """

    def __init__(
        self,
        *,
        path: str,
        suffix: str,
        dataset: str,
        private: Sequence[str] = (),
        private_dataset: str | None = None,
        save_args: dict[str, Any] | None = None,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.metadata, self._version = metadata, version
        self._folder, self._suffix, self._save_args = local_path(path), suffix, save_args
        self._dataset, self._private, self._private_dataset = dataset, tuple(private), private_dataset
        self._filepath = self._folder / f"*{suffix}"

    def _file(self, name: str) -> AbstractDataset:
        kind = load_obj(self._private_dataset if name in self._private else self._dataset)
        more = {} if self._save_args is None else {"save_args": self._save_args}
        return kind(filepath=str(self._folder / f"{name}{self._suffix}"), version=self._version, **more)

    def load(self) -> dict[str, Any]:
        return {name: self._file(name).load() for name in self._names()}

    def save(self, data: dict[str, Any]) -> None:
        for name, value in data.items():
            self._file(name).save(value)

    def _names(self) -> list[str]:
        return sorted(path.name.removesuffix(self._suffix) for path in Path(self._folder).glob(f"*{self._suffix}"))

    def _exists(self) -> bool:
        return bool(self._names())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "dataset": self._dataset, "version": self._version}
