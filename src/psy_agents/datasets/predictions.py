"""A refit's predictions on test as Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import Version

from psy_agents.datasets.local import LocalVersionedDataset

if TYPE_CHECKING:
    import pandas as pd


class PredictionsDataset(LocalVersionedDataset["pd.DataFrame", "pd.DataFrame | None"]):
    """A table of `psy_agents.evaluation.predictions.SCORED_SCHEMA` as Parquet; a file with another schema is refused.

    Args:
        filepath: relative to the project.
        optional: load None if there is no file yet. A requested version must exist.
    """

    def __init__(
        self, *, filepath: str, optional: bool = False, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, is_saved=Path.is_file, optional=optional, version=version, metadata=metadata)

    def load(self) -> pd.DataFrame | None:
        from psy_agents.evaluation.predictions import read_predictions

        return None if self._is_optional_and_missing() else read_predictions(Path(self._get_load_path()))

    def save(self, data: pd.DataFrame) -> None:
        from psy_agents.evaluation.predictions import write_predictions

        write_predictions(data, Path(self._get_save_path()))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
