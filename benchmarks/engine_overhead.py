"""Overhead of the search engine: time per trial without the objective, start of workers, CPU time of the parent.

A surrogate objective reports its epochs at once, or sleeps in each. The figures measure only the engine: ask, tell, storage,
reports, pruning and moving checkpoints. Nothing is trained.

    python benchmarks/engine_overhead.py --parts trials growth callbacks start-up

- ``trials``: milliseconds of engine a trial with 1, 2 and 4 workers and with 3 and 15 epochs: wall-clock time of all workers, from
  their first trial's start to their last one's end, over trials, less what the objective slept; the parent's CPU time of the
  whole stage, and transactions of the store, over trials. Median and range over repeats.
- ``growth``: wall-clock and CPU time within one stage of 1,200 trials, hundred by hundred, and the CPU time of sampler and
  pruner, which read all earlier trials.
- ``callbacks``: as ``trials``, with one worker and the MLflow callback on an sqlite file.
- ``start-up``: seconds from a worker's start until it is ready: of the first one, which includes the imports of the fork server, and
  of later ones; with nothing preloaded, with torch and transformers, and with the package's training code, as in a search.

Other load on the machine affects all figures: compare medians and repeat the run.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy

from psy_agents.hpo.config import StageConfig, Timeouts
from psy_agents.hpo.engine.stage_runner import StageRunner
from psy_agents.hpo.engine.stage_trials import StageTrials
from psy_agents.hpo.protocol import EpochReport, Report, TrialOutcome, TrialPruned, TrialSpec
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.sampler_study import SamplerStudy
from psy_agents.hpo.study.store import StudyStore
from psy_agents.hpo.workers.worker import Worker, preload
from psy_agents.hpo.workers.worker_process import WorkerJob

SPACE = {
    **{f"x{i}": {"type": "float", "low": 0.0, "high": 1.0} for i in range(6)},
    **{f"c{i}": {"type": "categorical", "choices": ["a", "b", "c"]} for i in range(3)},
}
DEFAULTS = {**{f"x{i}": 0.5 for i in range(6)}, **{f"c{i}": "a" for i in range(3)}}
METRICS = 12
"""About as many as a real trial reports an epoch."""


class Surrogate:
    """Reports epochs of a curve; ``setup`` is the sleep in each (s)."""

    def __init__(self, setup: float) -> None:
        self.pause = setup

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        height, value = spec.params["x0"], 0.0
        for epoch in range(1, spec.epochs + 1):
            time.sleep(self.pause)
            value = height * (1 - 0.5**epoch)
            if not report(EpochReport(epoch, value, {f"metric_{i}": value for i in range(METRICS)})):
                raise TrialPruned
        if spec.checkpoint is not None:
            spec.checkpoint.mkdir(parents=True)
            (spec.checkpoint / "weights").write_bytes(b"0" * 1024)
        return TrialOutcome(value, spec.epochs, spec.epochs, {})


@dataclass(frozen=True)
class Ran:
    """A stage that was run.

    Attributes:
        workers: seconds of all workers together, from their first trial's start to their last one's end.
        ends: seconds from the first trial's start to the end of each.
        cpu: of the parent, in seconds.
        commits: transactions of the store.
    """

    workers: float
    ends: list[float]
    cpu: float
    commits: int


@dataclass(frozen=True)
class Place:
    """Where a stage's trials are stored, and their weights."""

    store: str
    weights: Path


def run(place: Place, n_trials: int, workers: int, epochs: int, pause: float, callbacks: Sequence[Any] = (), pruner: str = "none") -> Ran:
    """One stage with TPE."""
    config = StageConfig(
        name="stage2", label="bench", n_trials=n_trials, epochs=epochs, patience=epochs,
        sampler={"name": "tpe"}, pruner={"name": pruner}, workers={"count": workers, "threads": 1, "trials_per_worker": 10_000},
    )  # fmt: skip
    name, commits = f"bench{time.monotonic_ns()}", []
    with StudyStore(place.store) as store:
        runner = StageRunner(
            config, SearchSpace.from_config(SPACE, DEFAULTS), (), store, name, objective=f"{Path(__file__).stem}:Surrogate",
            setup=pause, checkpoint_root=place.weights / name, callbacks=callbacks, preload_modules=(),
        )  # fmt: skip
        sqlalchemy.event.listen(store.storage._backend.engine, "commit", commits.append)
        cpu = time.process_time()
        runner.run()
        cpu, count = time.process_time() - cpu, len(commits)
        trials = store.study(name).get_trials(deepcopy=False)
    worker_times = 0.0
    for worker in range(workers):
        own = [trial for trial in trials if trial.user_attrs["worker"] == worker]
        worker_times += (own[-1].datetime_complete - own[0].datetime_start).total_seconds() if own else 0.0
    ends = sorted((trial.datetime_complete - trials[0].datetime_start).total_seconds() for trial in trials)
    return Ran(worker_times, ends, cpu, count)


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):7.1f} ({min(values):.1f} to {max(values):.1f})"


def trials(place: Place, n_trials: int, repeats: int, pause: float) -> None:
    """Engine time a trial by workers and epochs."""
    print(f"engine ms a trial, {n_trials} trials, {repeats} repeats, {pause * 1000:.0f} ms of sleep an epoch: median (range)")
    for epochs in (3, 15):
        for workers in (1, 2, 4):
            measure(place, n_trials, workers, epochs, repeats, pause)


def measure(place: Place, n_trials: int, workers: int, epochs: int, repeats: int, pause: float, callbacks: Sequence[Any] = ()) -> None:
    """Print the engine's time a trial."""
    engine, cpu, commits = [], [], []
    for _ in range(repeats):
        ran = run(place, n_trials, workers, epochs, pause, callbacks)
        engine.append((ran.workers / n_trials - epochs * pause) * 1000)
        cpu.append(ran.cpu / n_trials * 1000)
        commits.append(ran.commits / n_trials)
    print(
        f"  {epochs:2d} epochs, {workers} workers: {spread(engine)}; parent's CPU ms a trial {spread(cpu)}; "
        f"{statistics.median(commits):.1f} transactions",
        flush=True,
    )


def mlflow_callback(place: Place, n_trials: int, repeats: int, pause: float) -> None:
    """Engine time a trial with the MLflow callback."""
    import mlflow

    from psy_agents.tracking.callback import MlflowCallback

    print(f"with the MLflow callback, {n_trials} trials, {repeats} repeats, {pause * 1000:.0f} ms of sleep an epoch:")
    mlflow.set_tracking_uri(f"sqlite:///{place.weights}/mlflow.db")
    with mlflow.start_run():
        for epochs in (3, 15):
            measure(place, n_trials, 1, epochs, repeats, pause, [MlflowCallback({})])


def growth(place: Place, n_trials: int) -> None:
    """Time a trial within one long stage."""
    for pruner in ("none", "median", "rungs"):
        sampling, pruning, at_end = [], [], []
        with timed(SamplerStudy, "propose", sampling), timed(StageTrials, "should_stop", pruning):
            ran = run(place, n_trials, 1, 3, 0.0, [EachEnd(at_end)], pruner)
        print(f"ms a trial within a stage of {n_trials} trials by hundreds, 1 worker, 3 epochs, pruner {pruner}:")
        print(f"  wall-clock    {by_hundreds(differences(ran.ends), n_trials)}")
        print(f"  parent's CPU  {by_hundreds(differences(at_end), n_trials)}")
        print(f"    in sampling {by_hundreds(sampling, n_trials)}")
        print(f"    in pruning  {by_hundreds(pruning, n_trials)}", flush=True)


def differences(clock: list[float]) -> list[float]:
    """Differences of successive times; 0 for the first."""
    return [later - earlier for earlier, later in zip([clock[0], *clock], clock, strict=False)]


def by_hundreds(seconds: list[float], n_trials: int) -> str:
    """Milliseconds a trial, for each hundred trials."""
    per_trial = len(seconds) / n_trials
    spans = [(low, min(low + 100, n_trials)) for low in range(0, n_trials, 100)]
    sums = [sum(seconds[round(low * per_trial) : round(high * per_trial)]) * 1000 / (high - low) for low, high in spans]
    return ", ".join(f"{each:5.1f}" for each in sums)


class EachEnd:
    """Notes this process's CPU time at each trial's end."""

    def __init__(self, notes: list[float]) -> None:
        self._notes = notes

    def __getattr__(self, event: str) -> Callable[..., None]:
        return self._note if event == "trial_finished" else lambda *_: None

    def _note(self, *_: Any) -> None:
        self._notes.append(time.process_time())


@contextlib.contextmanager
def timed(cls: type, name: str, spent: list[float]) -> Iterator[None]:
    """Note the CPU seconds of each call of a method."""
    method = getattr(cls, name)

    def clocked(*args: Any, **options: Any) -> Any:
        started = time.process_time()
        try:
            return method(*args, **options)
        finally:
            spent.append(time.process_time() - started)

    setattr(cls, name, clocked)
    try:
        yield
    finally:
        setattr(cls, name, method)


def start_up(modules: tuple[str, ...], workers: int) -> None:
    """Seconds until each of some workers, one after another, is ready."""
    preload(modules)
    seconds = []
    for index in range(workers):
        worker = Worker(index, WorkerJob("importing:Importing", None, 1, None, None), Timeouts())
        started = time.monotonic()
        worker.start()
        while worker.state == "starting":
            multiprocessing.connection.wait(worker.waitables(), 1.0)
            list(worker.messages())
        seconds.append(time.monotonic() - started)
        worker.retire()
    name, later = ", ".join(modules) or "nothing", spread([s * 1000 for s in seconds[1:]])
    print(f"worker start-up with {name} preloaded: first {seconds[0]:.2f} s, later {later} ms", flush=True)


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("trials", "growth", "callbacks", "start-up")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds that the surrogate sleeps in an epoch")
    parser.add_argument("--long", type=int, default=1200, help="trials of the long stage")
    parser.add_argument("--store", help="a PostgreSQL URL, whose database keeps the studies; an sqlite file, if left out")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    # The fork server imports only once, so each kind of start-up runs in a separate process, without a main file, which
    # workers would import again.
    if "start-up" in args.parts:
        for modules in ((), ("torch", "transformers"), ("torch", "transformers.modeling_utils", "psy_agents.hpo.objective")):
            code = f"import engine_overhead; engine_overhead.start_up({modules!r}, 7)"
            subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(args.store or f"{folder}/studies.db", Path(folder))
        if "trials" in args.parts:
            trials(place, args.trials, args.repeats, args.pause)
        if "growth" in args.parts:
            growth(place, args.long)
        if "callbacks" in args.parts:
            mlflow_callback(place, args.trials, args.repeats, args.pause)


if __name__ == "__main__":
    main()
