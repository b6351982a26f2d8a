"""Datasets of kedro-datasets that save with an atomic write."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.text import TextDataset

from psy_agents.files.atomic import atomic_write


class _AtomicSave:
    """Saves a local file under a temporary name, then renames it."""

    PRIVATE = False
    """Whether only the owner may read the file."""

    def save(self, data: Any) -> None:
        with atomic_write(Path(self._get_save_path()), private=self.PRIVATE) as part:
            self._get_save_path = lambda: PurePosixPath(part)
            try:
                super().save.__wrapped__(self, data)  # Kedro's wrapper checks that the file exists, and it is renamed later.
            finally:
                del self._get_save_path


class AtomicCSVDataset(_AtomicSave, CSVDataset):
    """A pandas table as CSV."""


class PrivateCSVDataset(AtomicCSVDataset):
    """A pandas table of labels and predictions as CSV."""

    PRIVATE = True


class PrivateParquetDataset(_AtomicSave, ParquetDataset):
    """A pandas table of texts and labels as Parquet."""

    PRIVATE = True


class AtomicJSONDataset(_AtomicSave, JSONDataset):
    """Plain data as JSON."""


class AtomicTextDataset(_AtomicSave, TextDataset):
    """Text."""
