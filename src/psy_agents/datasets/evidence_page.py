"""A page of evidence as a dataset: one with text of posts goes nowhere but where git ignores it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from kedro.io import Version

from psy_agents.datasets.local import LocalVersionedDataset, local_path
from psy_agents.datasets.project import shown_path
from psy_agents.errors import UserError
from psy_agents.files.atomic import atomic_write
from psy_agents.reporting.evidence_page.page import EvidencePage


class EvidencePageDataset(LocalVersionedDataset[EvidencePage, str]):
    """HTML in one of two places: what the page holds decides which.

    Args:
        filepath: of pages without text of posts; relative to the project.
        private: ``filepath`` of pages with it. git must ignore it, and only the owner may read what is there. It has the
            name by which Kedro knows the paths that are the project's.
    """

    def __init__(
        self, *, filepath: str, private: dict[str, str], version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, there=Path.is_file, version=version, metadata=metadata)
        self._private = local_path(private["filepath"])

    def load(self) -> str:
        return Path(self._get_load_path()).read_text(encoding="utf-8")

    def save(self, data: EvidencePage) -> None:
        if data.reveals_text:
            self._filepath = self._private  # From here on it is where this dataset lies, also for who asks.
        path = Path(self._get_save_path())
        if data.reveals_text:
            check_ignored(path)
        with atomic_write(path) as part:
            part.touch(mode=0o600 if data.reveals_text else 0o666)
            part.write_text(data.html, encoding="utf-8")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "private": str(self._private), "version": self._version}


def check_ignored(path: Path) -> None:
    """Refuse a file that git would take into a commit.

    Raises:
        UserError: it lies in a working tree of git and is not ignored there, or git cannot be asked.
    """
    there = next(folder for folder in path.parents if folder.is_dir())
    if not any((folder / ".git").exists() for folder in (there, *there.parents)):
        return
    try:
        asked = subprocess.run(["git", "check-ignore", "--quiet", str(path)], cwd=there, capture_output=True)
    except FileNotFoundError:
        raise UserError(f"{shown_path(path)}: git is not on the PATH, so nobody can tell whether it ignores this file.") from None
    if asked.returncode != 0:
        raise UserError(
            f"{shown_path(path)} would hold the text of posts, and git does not ignore it: add its folder to .gitignore, or set "
            f"evidence_page.reveal_text to false."
        )
