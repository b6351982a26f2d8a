"""Signals that end a search: the first where nothing is half done, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing import connection

from psy_agents.hpo.workers.worker import Slot

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class SearchInterrupted(KeyboardInterrupt):
    """A signal ended the search; nothing computed is lost, and the same command goes on."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"search interrupted by {signal.Signals(signum).name}: run the same command to go on")
        self.signal = signum


class Interrupt:
    """Turns a signal into an exception at a place where nothing is half done; a second signal ends the process at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)

    def __call__(self, signum: int, _frame: object) -> None:
        self.signal = signum
        for number in SIGNALS:  # The system's own: it waits for no callback, database or worker.
            signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b"!")

    def fileno(self) -> int:
        """Ready to be read once a signal has come."""
        return self._wake

    def wait(self, slots: Sequence[Slot]) -> None:
        """Sleep until a worker speaks or ends, a deadline passes or a signal comes."""
        waitables = [self, *(waitable for slot in slots for waitable in slot.waitables())]
        deadlines = [left for slot in slots if (left := slot.seconds_left()) is not None]
        connection.wait(waitables, min(deadlines, default=None))
        if self.signal is not None:
            raise SearchInterrupted(self.signal)

    def close(self) -> None:
        os.close(self._wake)
        os.close(self._waker)


@contextlib.contextmanager
def interrupt_signal() -> Iterator[Interrupt]:
    """Handle the signals while the block lasts; in another thread than the main one, whoever owns that decides."""
    interrupt = Interrupt()
    try:
        if threading.current_thread() is not threading.main_thread():  # Only there may handlers be set.
            yield interrupt
            return
        with _end_at_second_signal():
            previous = {number: signal.signal(number, interrupt) for number in SIGNALS}
            try:
                yield interrupt
            finally:
                for number, handler in previous.items():
                    signal.signal(number, handler)
    finally:
        interrupt.close()


@contextlib.contextmanager
def _end_at_second_signal() -> Iterator[None]:
    """End this process at the second signal where the handler cannot run: where a call below Python does not come back.

    A locked sqlite file is such a call, for as long as its timeout. A thread reads what Python writes down of each signal
    at once (`signal.set_wakeup_fd`).
    """
    arrived, writer = os.pipe()
    os.set_blocking(writer, False)

    def watch() -> None:
        count = 0
        while numbers := os.read(arrived, 64):
            count += sum(number in SIGNALS for number in numbers)
            if count >= 2:
                os.kill(os.getpid(), signal.SIGKILL)

    watcher = threading.Thread(target=watch, daemon=True, name="second signal")
    watcher.start()
    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        os.close(writer)
        watcher.join()
        os.close(arrived)
