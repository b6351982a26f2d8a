"""Datasets of the libraries whose files are whole or not there."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.text import TextDataset

from psy_agents.files.atomic import atomic_write


class _Whole:
    """Lets a dataset of a local file save to a temporary name first."""

    def save(self, data: Any) -> None:
        with atomic_write(Path(self._get_save_path())) as part:
            self._get_save_path = lambda: PurePosixPath(part)
            try:
                super().save.__wrapped__(self, data)  # Kedro's wrapper looks for the file, which has its name later.
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
