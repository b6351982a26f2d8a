"""How this machine's cores are split among workers: as set, as in an earlier run of the study, or as measured."""

from __future__ import annotations

import contextlib
import functools
import math
import multiprocessing
import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing import connection
from typing import Any

from psy_agents.errors import UserError
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.workers.cgroups import GIB, available_memory
from psy_agents.hpo.workers.resources import cpu_cores, visible_gpus
from psy_agents.hpo.workers.start_method import START_METHOD

ROUNDS = 3
SECONDS = 0.3  # For which one split is timed in a round.
CLOSE = 0.95  # Share of the fastest rate that counts as equal, given the noise of a short measurement.
TOKENS, SEQUENCES, HIDDEN, HEADS = 64, 4, 384, 12  # MiniLM's layer, at a small batch.
TIMEOUT = 180.0  # Seconds for a measuring process to answer; most of it is the import of torch.


@dataclass(frozen=True)
class Layout:
    """The number of workers and of their threads.

    Attributes:
        gpus: names for CUDA_VISIBLE_DEVICES, shared by the workers in turn; none on CPU.
        cores: the cores that were split.
        why: the reason for this split, for the log.
        steps_per_second: of each split that was timed, such as ``{"2 x 1": 31.0}``, all its workers together.
    """

    workers: int
    threads: int
    gpus: tuple[str, ...] = ()
    cores: int = 1
    why: str = ""
    steps_per_second: Mapping[str, float] = field(default_factory=dict)

    def device(self, worker: int) -> str | None:
        """The GPU of a worker; None on CPU."""
        return self.gpus[worker % len(self.gpus)] if self.gpus else None

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON data, for the study; the GPUs' names are those of one run, so only their number is kept."""
        return {**asdict(self), "gpus": len(self.gpus), "steps_per_second": dict(self.steps_per_second)}

    def sentence(self) -> str:
        """The split, its reason and its rates."""
        rates = ", ".join(f"{split}: {rate:.1f}" for split, rate in self.steps_per_second.items())
        workers = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{workers} x {threads} ({self.why}{'; steps a second ' if rates else ''}{rates})"


TimeOnGpu = Callable[[str, int], Mapping[int, float]]
"""Steps a second on the GPU of this name, of 1, 2, 3, ... workers together, at most so many."""


def choose_layout(config: StageConfig, before: Mapping[str, Any] | None = None, time_on_gpu: TimeOnGpu | None = None) -> Layout:
    """The layout of a stage on this machine; a single trial has all cores.

    What the settings say holds. What they leave to ``auto`` stays as the study began, since seeds give the same values
    again only with the same threads; in a new study it is as many workers a GPU as are fastest, or on CPU the split that
    `measure` finds fastest, of those for which there is memory.

    Args:
        before: the layout with which the study began, as `Layout.to_dict` gives it.
        time_on_gpu: times workers on a GPU, see `GpuMeter.rates`; None: one worker a GPU where ``per_gpu`` is auto.

    Raises:
        UserError: no split could be timed.
    """
    gpus, cores = tuple(visible_gpus()), cpu_cores()
    known = {"gpus": gpus, "cores": cores}
    per_gpu, typed_workers = config.workers.per_gpu, None if config.workers.count == "auto" else config.workers.count
    typed_threads = None if config.workers.threads == "auto" else config.workers.threads
    typed_on_gpus = len(gpus) * per_gpu if gpus and typed_workers is None and per_gpu != "auto" else typed_workers
    if before is not None and _still_fits(before, typed_on_gpus, typed_threads, len(gpus), cores):
        return Layout(before["workers"], before["threads"], **known, why="as the study began")
    most = config.n_trials or cores * 1_000
    if typed_on_gpus is not None:
        workers = min(typed_on_gpus, most)
        why = "as set" if typed_workers is not None else f"{per_gpu} for each of {len(gpus)} GPUs, as set"
        return Layout(workers, typed_threads or max(1, cores // workers), **known, why=why)
    if gpus:
        return _on_gpus(gpus, cores, most, typed_threads, time_on_gpu)
    room, limits = _room(config.workers.memory_gib)
    if typed_threads is not None:
        workers = max(1, min(cores // typed_threads, most, room))
        return Layout(workers, typed_threads, **known, why=f"threads as set{limits if workers == room else ''}")
    splits = candidates(cores, min(most, room))
    if len(splits) == 1:
        ((workers, threads),) = splits
        why = "one trial has all cores" if most == 1 else "there is no other split"
        return Layout(workers, threads, **known, why=f"{why}{limits if room < min(cores, most) else ''}")
    rates = measure(splits)
    workers, threads = fastest(rates)
    figures = {f"{k} x {t}": round(rate, 2) for (k, t), rate in rates.items()}
    why = f"the fastest split of {cores} cores{limits if room < min(cores, most) else ''}"
    return Layout(workers, threads, **known, why=why, steps_per_second=figures)


def _on_gpus(gpus: tuple[str, ...], cores: int, most: int, threads: int | None, time_on_gpu: TimeOnGpu | None) -> Layout:
    """As many workers a GPU as are fastest on the first of them: each has a core, and no more than the stage has trials."""
    limit = max(1, min(cores // len(gpus), math.ceil(most / len(gpus))))
    rates = {} if time_on_gpu is None or limit == 1 else time_on_gpu(gpus[0], limit)
    per_gpu = min((number for number, rate in rates.items() if rate >= CLOSE * max(rates.values())), default=1)
    workers = min(per_gpu * len(gpus), most)
    why = f"{per_gpu} for each of {len(gpus)} GPUs" + (f", the fastest of 1 to {max(rates)}" if rates else "")
    figures = {f"{number} on a GPU": round(rate, 2) for number, rate in rates.items()}
    threads = threads or max(1, cores // workers)
    return Layout(workers, threads, gpus, cores, why, figures)


def candidates(cores: int, most: int) -> tuple[tuple[int, int], ...]:
    """Splits (workers, threads) worth timing: even ones, and that of as many workers as there may be."""
    most = max(1, min(cores, most))
    workers = {k for k in range(1, most + 1) if cores % k == 0} | {most}
    return tuple((k, cores // k) for k in sorted(workers, reverse=True))


def fastest(rates: Mapping[tuple[int, int], float]) -> tuple[int, int]:
    """The fastest split; of equally fast ones that with the most workers: a trial's batches and scores use one thread."""
    best = max(rates.values())
    return max(split for split, rate in rates.items() if rate >= CLOSE * best)


@functools.cache
def measure(splits: tuple[tuple[int, int], ...]) -> dict[tuple[int, int], float]:
    """Training steps a second of all workers of each split together: the median of a few rounds, in which the splits take turns.

    A step is forward, backward and AdamW of one encoder layer of MiniLM's size, in float32. Timed once a process.

    Raises:
        UserError: a measuring process died or was silent.
    """
    with _timers(max(workers for workers, _ in splits)) as pipes:
        rounds = [{split: _rate(pipes, *split) for split in splits} for _ in range(ROUNDS)]
    return {split: statistics.median(found[split] for found in rounds) for split in splits}


def _still_fits(before: Mapping[str, Any], workers: int | None, threads: int | None, gpus: int, cores: int) -> bool:
    return (
        workers in (None, before["workers"])
        and threads in (None, before["threads"])
        and bool(before["gpus"]) == bool(gpus)
        and (bool(gpus) or before["workers"] * before["threads"] <= cores)
        and (not gpus or workers is not None or before["gpus"] == gpus)
    )


def _room(gib_per_worker: float) -> tuple[int, str]:
    """The number of workers that fit into memory, and that limit in words."""
    memory = available_memory()
    if memory is None:
        return 1_000_000, ""
    return max(1, int(memory / (gib_per_worker * GIB))), f", {memory / GIB:.1f} GiB free for workers of {gib_per_worker:g}"


@contextlib.contextmanager
def _timers(number: int) -> Iterator[list[connection.Connection]]:
    """Processes that time steps, each behind its pipe."""
    context = multiprocessing.get_context(START_METHOD)
    pipes, processes = [], []
    try:
        for _ in range(number):
            ours, theirs = context.Pipe()
            pipes.append(ours)
            process = context.Process(target=_time_steps, args=(theirs,), name="timing of a split")
            process.start()
            theirs.close()
            processes.append(process)
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.kill()
            process.join()


def _rate(pipes: Sequence[connection.Connection], workers: int, threads: int) -> float:
    """Steps a second of this many workers together, while the other timers wait."""
    for message in (threads, SECONDS):  # First the warm-up.
        for pipe in pipes[:workers]:
            pipe.send(message)
        rates = [_receive(pipe, workers, threads) for pipe in pipes[:workers]]
    return sum(rates)


def _receive(pipe: connection.Connection, workers: int, threads: int) -> float:
    with contextlib.suppress(EOFError, OSError):  # A dead process is reported like a silent one.
        if pipe.poll(TIMEOUT):
            return pipe.recv()
    raise UserError(
        f"The split of the cores into {workers} workers of {threads} threads could not be timed: is there memory for it? Or give "
        f"hpo.workers.count and hpo.workers.threads as numbers."
    )


def _time_steps(pipe: connection.Connection) -> None:
    """The measuring process: warm up with a number of threads, then count steps for some seconds, until the parent ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent ends it.
    with contextlib.suppress(EOFError, OSError):  # The parent has closed the pipe.
        threads = pipe.recv()
        os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
        import torch

        step = _new_step()
        while True:
            torch.set_num_threads(threads)
            step()
            pipe.send(0.0)
            seconds, steps, started = pipe.recv(), 0, time.monotonic()
            while (taken := time.monotonic() - started) < seconds or not steps:
                step()
                steps += 1
            pipe.send(steps / taken)
            threads = pipe.recv()


def _new_step() -> Callable[[], None]:
    import torch

    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(HIDDEN, HEADS, 4 * HIDDEN, activation="gelu", batch_first=True)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-4)
    states_BTH = torch.randn(SEQUENCES, TOKENS, HIDDEN)
    target_BTH = torch.randn(SEQUENCES, TOKENS, HIDDEN)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(layer(states_BTH), target_BTH).backward()
        optimizer.step()

    return step
