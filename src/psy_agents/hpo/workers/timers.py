"""Processes that time training steps before a search begins (`psy_agents.hpo.timing`)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing import connection

from psy_agents.errors import UserError
from psy_agents.files.temporary import temporary_folder
from psy_agents.hpo.config import Timeouts
from psy_agents.hpo.search_setup import TimingSetup
from psy_agents.hpo.workers.worker import Worker, WorkerLost
from psy_agents.hpo.workers.worker_process import Failed, Message, Ready, UserErrorRaised, WorkerJob

SILENCE = 300.0  # Seconds after which a process that times steps is given up; the search's own trials may take longer.


class Timers:
    """Idle processes that run an objective of `psy_agents.hpo.timing`, more of them when asked for. They end with the block.

    Args:
        devices: value of CUDA_VISIBLE_DEVICES for each process in turn; None leaves it.
    """

    def __init__(self, objective: str, setup: TimingSetup, threads: int, devices: Sequence[str | None], startup: float) -> None:
        self.workers: list[Worker] = []
        self._objective, self._setup, self._threads, self._devices = f"psy_agents.hpo.timing:{objective}", setup, threads, devices
        self._timeouts = Timeouts(startup=startup, silence=SILENCE)

    def __enter__(self) -> Timers:
        self._block = ExitStack()
        self._folder = self._block.enter_context(temporary_folder())
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.retire()  # One that is not idle is killed.
        self._block.close()

    def start(self, number: int) -> list[Worker]:
        """Start so many more, and wait until they are idle.

        Raises:
            UserError: one could not start.
        """
        started = []
        for index in range(len(self.workers), len(self.workers) + number):
            device = self._devices[index % len(self._devices)]
            job = WorkerJob(self._objective, self._setup, self._threads, device, self._folder)
            started.append(Worker(index, job, self._timeouts))
        self.workers += started
        for worker in started:
            worker.start()
        for message in next_messages(started).values():
            if not isinstance(message, Ready):
                raise UserError(f"A process that times training steps could not start ({reason_of(message)}).")
        return started


def next_messages(workers: Sequence[Worker]) -> dict[Worker, Message | WorkerLost]:
    """Wait for a message of each worker.

    Raises:
        UserError: the objective refused to work.
    """
    found: dict[Worker, Message | WorkerLost] = {}
    while waiting := [worker for worker in workers if worker not in found]:
        deadlines = [left for worker in waiting if (left := worker.seconds_left()) is not None]
        connection.wait([each for worker in waiting for each in worker.waitables()], min(deadlines, default=None))
        for worker in waiting:
            message = next(worker.messages(), None)
            if isinstance(message, UserErrorRaised):
                raise UserError(message.message)
            if message is not None:
                found[worker] = message
    return found


def reason_of(message: Message | WorkerLost) -> str:
    """Why a worker failed, in words."""
    return f"{message.failure}: {message.reason}" if isinstance(message, Failed | WorkerLost) else type(message).__name__
