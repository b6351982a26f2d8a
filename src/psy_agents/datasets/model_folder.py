"""A saved model as a versioned dataset: a folder that is whole or not there."""

from __future__ import annotations

import shutil
from pathlib import Path

from psy_agents.datasets.folder import FolderDataset
from psy_agents.files.atomic import atomic_folder, link_or_copy


class ModelFolderDataset(FolderDataset):
    """Saving gives the files a second name in the new version where the disk can (hard links), so that a model that lies
    elsewhere on the same disk takes no more room; else it copies them."""

    HOLDS = "a model"

    def save(self, data: Path) -> None:
        with atomic_folder(Path(self._get_save_path())) as part:
            shutil.copytree(data, part, copy_function=link_or_copy, dirs_exist_ok=True)
