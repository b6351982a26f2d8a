"""Signals that end a search: the first ends it between two steps, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing import connection

from psy_agents.hpo.engine.stop_signals import stop_signals
from psy_agents.hpo.workers.worker import Worker


class SearchInterrupted(KeyboardInterrupt):
    """A signal ended the search; nothing computed is lost, and the same command continues it."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"search interrupted by {signal.Signals(signum).name}: run the same command again to continue")
        self.signal = signum


class Interrupt:
    """Turns a signal into an exception between two steps of the search; a second signal ends the process at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)

    def __call__(self, signum: int, _frame: object) -> None:
        self.signal = signum
        for number in stop_signals():  # The default handler waits for no callback, database or worker.
            signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b"!")

    def fileno(self) -> int:
        """Becomes readable when a signal arrives."""
        return self._wake

    def wait(self, workers: Sequence[Worker]) -> None:
        """Sleep until a worker sends a message or ends, a timeout passes or a signal arrives."""
        waitables = [self, *(waitable for worker in workers for waitable in worker.waitables())]
        deadlines = [left for worker in workers if (left := worker.seconds_left()) is not None]
        connection.wait(waitables, min(deadlines, default=None))
        if self.signal is not None:
            raise SearchInterrupted(self.signal)

    def close(self) -> None:
        os.close(self._wake)
        os.close(self._waker)


@contextlib.contextmanager
def interrupt_signal() -> Iterator[Interrupt]:
    """Handle the signals while the block lasts; outside the main thread they are left as they are."""
    interrupt = Interrupt()
    try:
        if threading.current_thread() is not threading.main_thread():  # Only there may handlers be set.
            yield interrupt
            return
        with _end_at_second_signal():
            previous = {number: signal.signal(number, interrupt) for number in stop_signals()}
            try:
                yield interrupt
            finally:
                for number, handler in previous.items():
                    signal.signal(number, handler)
    finally:
        interrupt.close()


@contextlib.contextmanager
def _end_at_second_signal() -> Iterator[None]:
    """End this process at the second signal even while the handler cannot run.

    Python runs handlers only between its own instructions, and a call into sqlite on a locked file lasts as long as its
    timeout. A thread reads the number that Python writes at once for each signal (`signal.set_wakeup_fd`).
    """
    arrived, writer = os.pipe()
    os.set_blocking(writer, False)
    handled = stop_signals()

    def watch() -> None:
        seen: list[int] = []
        while numbers := os.read(arrived, 64):
            # A terminal that closes may send SIGHUP twice: from its driver and from the shell.
            seen += [number for number in numbers if number in handled and not (number == signal.SIGHUP and number in seen)]
            if len(seen) >= 2:
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
