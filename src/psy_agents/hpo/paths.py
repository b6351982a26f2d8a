"""Where a search keeps its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from psy_agents.files.schema import Schema, UserPath


@dataclass(frozen=True)
class StoragePaths:
    """Where a search keeps what it needs to resume.

    Attributes:
        store: address of the `StudyStore`.
        checkpoints: parent of each study's folder of weights.
        logs: parent of each study's folder of trial logs.
        measurements: folder of what was measured before a first trial; None: nothing is measured.
    """

    store: str | Path
    checkpoints: Path
    logs: Path | None = None
    measurements: Path | None = None


class SearchPaths(Schema):
    """Where the search keeps weights, what its trials print, and what was measured.

    Attributes:
        checkpoints: folder of the best trials' weights, a folder a study.
        logs: folder of what trials print, a folder a study.
        measurements: folder of the seconds of an epoch that were measured before the first trial, a file a search.
    """

    checkpoints: UserPath
    logs: UserPath
    measurements: UserPath

    def with_store(self, store: str) -> StoragePaths:
        """The folders together with the address of the studies."""
        return StoragePaths(store, self.checkpoints, self.logs, self.measurements)
