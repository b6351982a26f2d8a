"""The secret salt of hashed ids as a dataset. The first load creates it; it is never logged."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from psy_agents.datasets.project import PROJECT
from psy_agents.files.atomic import temporary_path

BYTES = 32


class IdSaltDataset(AbstractDataset[None, str]):
    """Random hex digits in a file that only its owner can read.

    With the salt, anyone can test whether a hashed id belongs to a known post. It stays on this machine: the file is in
    conf/local, which git ignores.

    Args:
        filepath: relative to the project.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata
        self._filepath = PROJECT / filepath

    def load(self) -> str:
        if not self._filepath.exists():
            self._filepath.parent.mkdir(parents=True, exist_ok=True)
            part = temporary_path(self._filepath)
            part.touch(mode=0o600)
            part.write_text(secrets.token_hex(BYTES), encoding="ascii")
            try:
                os.link(part, self._filepath)  # Unlike a rename, a link never replaces the salt of another process.
            except FileExistsError:
                pass  # Another process was first; its salt is read below.
            finally:
                part.unlink()
        return self._filepath.read_text(encoding="ascii")

    def save(self, data: None) -> None:
        raise DatasetError("The salt of hashed ids is created when it is first loaded; it cannot be saved.")

    def _exists(self) -> bool:
        return True  # Loading creates it.

    def _describe(self) -> dict[str, Any]:
        return {"filepath": Path(self._filepath).as_posix()}
