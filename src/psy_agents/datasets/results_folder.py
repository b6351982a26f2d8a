"""Results as a versioned folder, moved to its place when it is saved."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from psy_agents.datasets.folder import FolderDataset
from psy_agents.files.atomic import atomic_folder, remove_leftovers


class ResultsFolderDataset(FolderDataset):
    """Saves by moving the folder: one rename, or an atomic copy to another disk."""

    HOLDS = "results"

    def save(self, data: Path) -> None:
        target = Path(self._get_save_path())
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target)
        try:
            os.rename(data, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._copy(data, target)

    @staticmethod
    def _copy(data: Path, target: Path) -> None:
        """Copy to another disk, then delete the original."""
        with atomic_folder(target) as part:
            shutil.copytree(data, part, dirs_exist_ok=True)
        shutil.rmtree(data)
