"""Which GPU a trial takes where several Dask workers of one machine see the same GPUs."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path

from psy_agents.errors import UserError
from psy_agents.files.locks import try_lock

FOLDER = Path(tempfile.gettempdir()) / f"psy_agents-gpus-{os.getuid()}"


class GpuClaims:
    """This process's trials on each GPU, and the GPUs that it has claimed from the other processes of its machine.

    A claim is a lock on a file, which the operating system drops when the process ends; it lasts while a trial uses the GPU.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._used: Counter[str] = Counter()
        self._claimed: dict[str, FileIO] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def least_used(self, gpus: Sequence[str], most: int | None) -> Iterator[str]:
        """The GPU that the fewest of this process's trials use, while the block lasts.

        Args:
            gpus: the names for CUDA_VISIBLE_DEVICES that this process sees.
            most: how many it may claim; None where no other process sees them, and no claim is needed.

        Raises:
            UserError: other processes have them all.
        """
        with self._lock:
            gpu = min(gpus if most is None else self._claimable(gpus, most), key=lambda gpu: self._used[gpu])
            self._used[gpu] += 1
        try:
            yield gpu
        finally:
            with self._lock:
                self._used[gpu] -= 1
                if not self._used[gpu] and gpu in self._claimed:
                    self._claimed.pop(gpu).close()

    def _claimable(self, gpus: Sequence[str], most: int) -> list[str]:
        """The GPUs that this process has claimed, with one more if it may."""
        for gpu in gpus:
            if gpu not in self._claimed and len(self._claimed) < most and self._claim(gpu):
                break
        mine = [gpu for gpu in gpus if gpu in self._claimed]
        if not mine:
            raise UserError(
                f"Other Dask workers of this machine use all GPUs that this one sees ({', '.join(gpus)}): give each Dask worker its "
                f"own by CUDA_VISIBLE_DEVICES, or start fewer of them."
            )
        return mine

    def _claim(self, gpu: str) -> bool:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = try_lock(self._folder / f"{gpu}.lock")
        if lock is None:
            return False
        self._claimed[gpu] = lock
        return True
