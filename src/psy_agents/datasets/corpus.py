"""The prepared corpus as one dataset, made of the datasets of its tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from psy_agents.corpus.corpus import Corpus
from psy_agents.datasets.local import local_path
from psy_agents.datasets.project import shown_path
from psy_agents.errors import UserError
from psy_agents.files.atomic import atomic_write


class CorpusDataset(AbstractDataset[Corpus, Corpus]):
    """Loads the tables of a corpus together. Saves the fingerprint; the tables' catalog entries save the tables.

    Loading refuses tables that do not have the saved fingerprint: an interrupted preprocessing leaves new tables next to
    old ones. Data prepared by version 0.1 has no fingerprint file; only its splits are audited.

    Args:
        filepath: the file with the fingerprint; relative to the project.
        tables: the catalog entries of posts, pairs, sentences, splits and criteria.
        name: of the corpus.
    """

    def __init__(
        self, *, filepath: str, tables: dict[str, dict[str, Any]], name: str = "", metadata: dict[str, Any] | None = None
    ) -> None:
        self.metadata, self._name = metadata, name
        self._filepath = local_path(filepath)
        self._tables = {name: AbstractDataset.from_config(name, entry) for name, entry in tables.items()}

    def load(self) -> Corpus:
        corpus = Corpus(**{name: table.load() for name, table in self._tables.items()}, name=self._name)
        file = Path(self._filepath)
        if file.is_file() and json.loads(file.read_text(encoding="utf-8"))["fingerprint"] != corpus.fingerprint:
            raise UserError(f"The tables of the corpus are not those of {shown_path(file)}: run the pipeline preprocessing again.")
        return corpus

    def save(self, data: Corpus) -> None:
        with atomic_write(Path(self._filepath)) as part:
            part.write_text(json.dumps({"fingerprint": data.fingerprint}, indent=2) + "\n", encoding="utf-8")

    def _exists(self) -> bool:
        return Path(self._filepath).is_file() or all(table.exists() for table in self._tables.values())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "tables": list(self._tables)}
