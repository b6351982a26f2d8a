"""A saved model as a versioned folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from psy_agents.datasets.folder import FolderDataset
from psy_agents.files.atomic import atomic_folder, link_or_copy


class ModelFolderDataset(FolderDataset):
    """Saves with an atomic write: hard links where the disk allows them, which take no space, else copies."""

    HOLDS = "a model"

    def save(self, data: Path) -> None:
        with atomic_folder(Path(self._get_save_path())) as part:
            shutil.copytree(data, part, copy_function=link_or_copy, dirs_exist_ok=True)
