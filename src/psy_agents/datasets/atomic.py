"""Files that are whole or not there: written under a temporary name, flushed to the disk, and renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.text import TextDataset


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``, which takes its place at the end unless there was an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


class _Whole:
    """Lets a dataset of a local file save to a temporary name first."""

    def save(self, data: Any) -> None:
        with whole_file(Path(self._get_save_path())) as part:
            self._get_save_path = lambda: PurePosixPath(part)
            try:
                super().save(data)
            finally:
                del self._get_save_path


class WholeCSVDataset(_Whole, CSVDataset):
    """A pandas table as CSV."""


class WholeParquetDataset(_Whole, ParquetDataset):
    """A pandas table as Parquet."""


class WholeJSONDataset(_Whole, JSONDataset):
    """Plain data as JSON."""


class WholeTextDataset(_Whole, TextDataset):
    """Text."""
