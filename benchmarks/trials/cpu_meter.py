"""CPU seconds of this process and all its descendants, including processes that it does not wait for."""

from __future__ import annotations

import threading

import psutil

EVERY = 0.25


class CpuMeter:
    """Samples the processes four times a second while it is open. CPU time after the last sample is not counted."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, float], float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> CpuMeter:
        self._look()
        self._before = self._total()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    @property
    def seconds(self) -> float:
        """Since it was opened."""
        return self._total() - self._before

    def _total(self) -> float:
        return sum(self._seconds.values())

    def _watch(self) -> None:
        while not self._ended.wait(EVERY):
            self._look()

    def _look(self) -> None:
        me = psutil.Process()
        for process in [me, *me.children(recursive=True)]:
            try:
                times = process.cpu_times()
                self._seconds[process.pid, process.create_time()] = times.user + times.system
            except psutil.NoSuchProcess:
                continue  # It ended between the listing and the look.
