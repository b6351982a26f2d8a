"""The evidence page of an agent as a dataset; a page with post text is saved only where git ignores it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from kedro.io import Version

from psy_agents.datasets.local import LocalVersionedDataset, local_path
from psy_agents.datasets.project import shown_path
from psy_agents.errors import UserError
from psy_agents.files.atomic import atomic_write
from psy_agents.reporting.evidence_page.made_page import EvidencePage


class EvidencePageDataset(LocalVersionedDataset[EvidencePage, str]):
    """HTML in one of two places: a page with post text goes to ``private``.

    Args:
        filepath: of pages without post text; relative to the project.
        private: a mapping with the ``filepath`` of pages with post text, which git must ignore. (Kedro resolves a path of the
            project by its key ``filepath``.)
    """

    def __init__(
        self, *, filepath: str, private: dict[str, str], version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, is_saved=Path.is_file, version=version, metadata=metadata)
        self._private = local_path(private["filepath"])

    def load(self) -> str:
        return Path(self._get_load_path()).read_text(encoding="utf-8")

    def save(self, data: EvidencePage) -> None:
        if data.reveals_text:
            self._filepath = self._private  # The output hook logs this path.
        path = Path(self._get_save_path())
        if data.reveals_text:
            check_git_ignores(path)
        with atomic_write(path, private=True) as part:  # Without text it still holds labels and predictions.
            part.write_text(data.html, encoding="utf-8")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "private": str(self._private), "version": self._version}


def check_git_ignores(path: Path) -> None:
    """Refuse a file that git could commit.

    Raises:
        UserError: the file is in a git working tree and not ignored, or git is not installed.
    """
    nearest = next(folder for folder in path.parents if folder.is_dir())
    if not any((folder / ".git").exists() for folder in (nearest, *nearest.parents)):
        return
    try:
        checked = subprocess.run(["git", "check-ignore", "--quiet", str(path)], cwd=nearest, capture_output=True)
    except FileNotFoundError:
        raise UserError(f"{shown_path(path)}: git is not on the PATH, and only git knows whether it ignores this file.") from None
    if checked.returncode != 0:
        raise UserError(
            f"{shown_path(path)} would hold the text of posts, and git does not ignore it: add its folder to .gitignore, or set "
            f"evidence_page.reveal_text to false."
        )
