"""Raw files of a corpus as read-only datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pandas as pd
from kedro.io import AbstractDataset
from kedro.utils import find_kedro_project

from psy_agents.corpus.agreement import check_confirmed, check_file, named_agreement
from psy_agents.corpus.reading.exports import read_export
from psy_agents.corpus.reading.tables import read_json, read_table
from psy_agents.datasets.local import local_path
from psy_agents.datasets.project import PROJECT, shown_path
from psy_agents.errors import UserError
from psy_agents.files.links import real_path


class RawTableDataset(AbstractDataset[Any, pd.DataFrame | dict[str, Any]]):
    """Loads a table with `read_table`, or a JSON object with `read_json` if the suffix is ``.json``.

    Args:
        filepath: relative to the project. The suffix gives the format.
        tool: the annotation tool whose export the file is; None: a table.
        table: posts or annotations of the export.
        agreement: name and url of the data agreement that must be confirmed before the file is read.
    """

    def __init__(
        self,
        *,
        filepath: str,
        agreement: dict[str, str] | None = None,
        tool: str | None = None,
        table: Literal["posts", "annotations"] = "posts",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.metadata = metadata
        self._agreement = named_agreement(agreement) if agreement else None
        self._filepath = local_path(filepath)
        self._tool, self._table = tool, table

    def load(self) -> pd.DataFrame | dict[str, Any]:
        path = Path(self._filepath)
        if self._agreement is not None:
            check_confirmed(self._agreement, path.parent)
        check_file(path, find_kedro_project(real_path(path).parent) or PROJECT)
        if self._tool is not None:
            return getattr(read_export(self._tool, path, shown_path(path)), self._table)
        read = read_json if path.suffix.lower() == ".json" else read_table
        return read(path, shown_path(path))

    def save(self, data: Any) -> None:
        raise UserError(f"{shown_path(self._filepath)} is raw data and cannot be written: save to another dataset.")

    def _exists(self) -> bool:
        try:
            Path(self._filepath).stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # It exists but cannot be read; loading reports why.
            return True
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
