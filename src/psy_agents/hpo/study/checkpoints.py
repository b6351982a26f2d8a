"""The weights of a study's best trials."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

_OF_A_TRIAL = re.compile(r"\.?trial_\d{4,}(\..*)?")  # Also the temporary folder of a worker that was killed.


class Checkpoints:
    """Folders ``trial_0007`` under a root; a trial writes to ``trial_0007.partial`` until it has completed."""

    def __init__(self, root: Path, keep: int) -> None:
        self.root, self.keep = root, keep
        self._best: list[FrozenTrial] = []

    def folder(self, number: int) -> Path:
        """The folder of a trial's weights if they are kept."""
        return self.root / f"trial_{number:04d}"

    def kept(self, number: int) -> Path | None:
        """The folder of a trial's weights, or None."""
        folder = self.folder(number)
        return folder if folder.is_dir() else None

    def target(self, number: int) -> Path | None:
        """The folder to which a running trial writes; None where no weights are kept."""
        return self.root / f"trial_{number:04d}.partial" if self.keep else None

    def accept(self, number: int) -> None:
        """Give the weights of a completed trial their name."""
        partial = self.target(number)
        if partial is not None and partial.is_dir():
            partial.replace(self.folder(number))

    def tidy(self, ended: Iterable[FrozenTrial], running: Iterable[int] = ()) -> None:
        """Delete all trial folders but those of the best complete trials and of running ones.

        Args:
            ended: trials that have ended since the last call; in the first call all ended trials.
        """
        complete = {trial.number: trial for trial in (*self._best, *ended) if trial.state is TrialState.COMPLETE}
        self._best = sorted(complete.values(), key=lambda trial: (-trial.value, trial.number))[: self.keep]
        if not self.root.is_dir():
            return
        wanted = {self.folder(trial.number).name for trial in self._best}
        active = tuple(f"trial_{number:04d}." for number in running)
        for folder in self.root.iterdir():
            name = folder.name
            if _OF_A_TRIAL.fullmatch(name) and name not in wanted and not name.removeprefix(".").startswith(active):
                shutil.rmtree(folder) if folder.is_dir() and not folder.is_symlink() else folder.unlink()
