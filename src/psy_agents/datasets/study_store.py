"""The address of the study store as a dataset: a file of the project, or a database URL from the credentials."""

from __future__ import annotations

from typing import Any

from kedro.io import AbstractDataset, DatasetError

from psy_agents.datasets.local import local_path
from psy_agents.errors import UserError


class StudyStoreDataset(AbstractDataset[None, str]):
    """Loads the address for `StudyStore`. The search writes the studies, one process for each study.

    Args:
        filepath: of the sqlite file, on a local disk; relative to the project.
        credentials: ``url`` of a PostgreSQL database, used in place of the file. It is never a parameter, so the password
            reaches neither MLflow nor a log.
    """

    def __init__(
        self,
        *,
        filepath: str | None = None,
        credentials: dict[str, str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.metadata = metadata
        if (filepath is None) == (credentials is None):
            raise UserError("conf: catalog entry study_store needs either filepath or credentials, and not both.")
        if credentials is not None and set(credentials) != {"url"}:
            raise UserError("conf: the credentials of study_store hold one entry, url: postgresql://user:password@host/database.")
        self._url = None if credentials is None else str(credentials["url"])
        self._filepath = None if filepath is None else local_path(filepath)

    def load(self) -> str:
        return self._url or str(self._filepath)

    def save(self, data: None) -> None:
        raise DatasetError("The search writes the studies; the dataset cannot be saved.")

    def _exists(self) -> bool:
        return True  # The first search creates it.

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)} if self._url is None else {"url": "from credentials"}
