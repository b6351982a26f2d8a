"""What the search engine itself costs: time per trial beyond the objective, start-up of workers, and the parent's CPU time.

A surrogate objective reports its epochs at once, or sleeps in each, so that all that is measured is the engine: asking,
storing, reporting, pruning, telling, and moving weights aside. Nothing is trained, and no MLflow listens.

    python benchmarks/engine_overhead.py --parts trials growth start-up

- ``trials``: milliseconds of engine a trial with 1, 2 and 4 slots and with 3 and 15 epochs: wall-clock time from the first
  trial's start to the last one's end, times slots, over trials, less what the objective slept. Median and range over repeats.
- ``growth``: the same within one stage of 1,200 trials, hundred by hundred: it should not grow.
- ``start-up``: seconds from a worker's start to its being ready, of the first one, whose fork server has yet to import, and of
  later ones; with and without torch and transformers preloaded, the objective importing both.

Other work on the machine shows in all figures: compare medians, and run it again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import optuna

from psy_agents.hpo.config import StageConfig, Timeouts
from psy_agents.hpo.protocol import EpochReport, Report, TrialOutcome, TrialPruned, TrialSpec
from psy_agents.hpo.records import StageResult, TrialRecord
from psy_agents.hpo.slot import Slot, preload
from psy_agents.hpo.space import SearchSpace
from psy_agents.hpo.stage import StageRunner
from psy_agents.hpo.store import StudyStore
from psy_agents.hpo.worker import WorkerJob

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


class Importing:
    """Imports what a real objective does."""

    def __init__(self, setup: Any) -> None:
        import torch  # noqa: F401
        import transformers  # noqa: F401


class Ends:
    """Listens when trials start and end."""

    def __init__(self) -> None:
        self.first: float | None = None
        self.ended: list[float] = []

    def stage_started(self, info: Any) -> None:
        """Nothing to note."""

    def trial_started(self, record: TrialRecord) -> None:
        """Note the first."""
        self.first = self.first or time.monotonic()

    def epoch_finished(self, record: TrialRecord, report: EpochReport) -> None:
        """Nothing to note."""

    def trial_finished(self, record: TrialRecord) -> None:
        """Note it."""
        self.ended.append(time.monotonic())

    def stage_finished(self, result: StageResult | None) -> None:
        """Nothing to note."""


def run(folder: Path, n_trials: int, slots: int, epochs: int, pause: float) -> tuple[Ends, float]:
    """One stage with TPE and pruning off; when its trials ended, and the CPU seconds of this process."""
    ends = Ends()
    config = StageConfig(
        name="stage2", label="bench", n_trials=n_trials, epochs=epochs, patience=epochs, workers=slots, threads_per_worker=1,
        sampler={"name": "tpe"}, trials_per_worker=10_000,
    )  # fmt: skip
    with StudyStore(folder / "studies.db") as store:
        runner = StageRunner(
            config, SearchSpace.from_config(SPACE, DEFAULTS), (), store, f"bench{time.monotonic_ns()}",
            objective=f"{Path(__file__).stem}:Surrogate", setup=pause, checkpoint_root=folder / "weights", listeners=[ends],
            preload_modules=(),
        )  # fmt: skip
        cpu = time.process_time()
        runner.run()
    return ends, time.process_time() - cpu


def told(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):7.1f} ({min(values):.1f} to {max(values):.1f})"


def trials(folder: Path, n_trials: int, repeats: int, pause: float) -> None:
    """Engine time a trial by slots and epochs."""
    print(f"engine ms a trial, {n_trials} trials, {repeats} repeats, {pause * 1000:.0f} ms of sleep an epoch: median (range)")
    for epochs in (3, 15):
        for slots in (1, 2, 4):
            engine, share = [], []
            for _ in range(repeats):
                ends, cpu = run(folder, n_trials, slots, epochs, pause)
                wall = ends.ended[-1] - ends.first
                engine.append((wall * slots / n_trials - epochs * pause) * 1000)
                share.append(cpu / n_trials * 1000)
            print(f"  {epochs:2d} epochs, {slots} slots: {told(engine)}; parent's CPU ms a trial {told(share)}", flush=True)


def growth(folder: Path, n_trials: int) -> None:
    """Engine time a trial within one long stage."""
    ends, _ = run(folder, n_trials, 1, 3, 0.0)
    print(f"engine ms a trial within a stage of {n_trials} trials (1 slot, 3 epochs), by hundreds:")
    times = [ends.first, *ends.ended]
    spans = [(times[min(i + 100, n_trials)] - times[i]) * 1000 / min(100, n_trials - i) for i in range(0, n_trials, 100)]
    print("  " + ", ".join(f"{span:.0f}" for span in spans), flush=True)


def start_up(modules: tuple[str, ...], workers: int) -> None:
    """Seconds until each of some workers, one after another, is ready."""
    preload(modules)
    seconds = []
    for index in range(workers):
        slot = Slot(index, WorkerJob(f"{Path(__file__).stem}:Importing", None, 1, None, None), Timeouts())
        started = time.monotonic()
        slot.start()
        while slot.state == "starting":
            multiprocessing.connection.wait(slot.waitables(), 1.0)
            list(slot.messages())
        seconds.append(time.monotonic() - started)
        slot.retire()
    name = "with torch and transformers preloaded" if modules else "without them preloaded"
    print(f"worker start-up {name}: first {seconds[0]:.2f} s, later {told([s * 1000 for s in seconds[1:]])} ms", flush=True)


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("trials", "growth", "start-up"), default=("trials", "growth", "start-up"))
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds that the surrogate sleeps in an epoch")
    parser.add_argument("--long", type=int, default=1200, help="trials of the long stage")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    # The fork server imports only once, so each kind of start-up has a process of its own.
    if "start-up" in args.parts:
        for modules in ((), ("torch", "transformers")):
            process = multiprocessing.get_context("spawn").Process(target=start_up, args=(modules, 5))
            process.start()
            process.join()
    with tempfile.TemporaryDirectory() as folder:
        if "trials" in args.parts:
            trials(Path(folder), args.trials, args.repeats, args.pause)
        if "growth" in args.parts:
            growth(Path(folder), args.long)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
