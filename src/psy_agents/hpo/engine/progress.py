"""The progress of a stage: a live display on a terminal, a log line per trial elsewhere."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from psy_agents.files.terminal import error_console, shown_below_logs
from psy_agents.hpo.protocol import EpochReport
from psy_agents.hpo.study.records import ScoredOn, StageInfo, StageResult, TrialRecord
from psy_agents.training.learning_curve import best_value

log = logging.getLogger(__name__)


class ProgressDisplay:
    """Callback that shows trial, epoch, best value and remaining time, one line per worker.

    The stage's line counts trials, or epochs where the stage spends them. The display closes with the stage; as a context manager it
    also closes with its block.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or error_console()
        self._progress: Progress | None = None
        self._shown = ExitStack()
        self._workers: dict[int, TaskID] = {}
        self._curves: dict[int, list[float]] = {}

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        self.close()

    def stage_started(self, info: StageInfo) -> None:
        """Show the stage and its trials of earlier runs."""
        self._info, self._started = info, time.monotonic()
        self._before = info.done if info.epoch_budget is None else info.epochs_trained
        self._done, self._total = self._before, info.n_trials if info.epoch_budget is None else info.epoch_budget
        self._best = None if info.best is None else info.best.value
        self._state_counts = {}
        if not self._console.is_interactive:
            spent = "" if info.epoch_budget is None else f" with {info.epochs_trained}/{info.epoch_budget} epochs"
            workers = "1 worker" if info.workers == 1 else f"{info.workers} workers"
            log.info("%s: %d%s trials%s finished before, %s", info.study_name, info.done, _of(info), spent, workers)
            return
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            transient=False,
        )
        self._stage = self._progress.add_task(info.study_name, total=self._total, completed=self._done, note=self._note())
        self._shown.enter_context(shown_below_logs(self._progress))

    def trial_started(self, record: TrialRecord) -> None:
        """Show the trial on its worker's line."""
        if self._progress is None:
            return
        self._curves[record.worker] = []
        description = f"  worker {record.worker}: trial {record.number}"
        if record.worker not in self._workers:
            self._workers[record.worker] = self._progress.add_task(description, total=self._info.epochs, note="")
        else:
            self._progress.reset(self._workers[record.worker], description=description, note="")

    def epoch_finished(self, record: TrialRecord, report: EpochReport) -> None:
        """Move the worker's bar; the value is the trial's so far, of its smoothed curve."""
        if self._progress is not None:
            curve = self._curves[record.worker]
            curve.append(report.value)
            self._progress.update(self._workers[record.worker], completed=report.epoch, note=f"value {best_value(curve):.4f}")

    def trial_finished(self, record: TrialRecord) -> None:
        """Count the trial, unless it is retried."""
        if record.final:
            self._done += 1 if self._info.epoch_budget is None else record.epochs_run
        if record.state == "complete" and (self._best is None or record.value > self._best):
            self._best = record.value
        if self._progress is None:
            unit = "trials" if self._info.epoch_budget is None else "epochs"
            done = f"{self._done} {unit}" if self._total is None else f"{self._done}/{self._total} {unit}"
            log.info("trial %d %s; %s", record.number, _ending(record), ", ".join(filter(None, (done, self._note()))))
            return
        self._progress.update(self._stage, completed=self._done, note=self._note())
        if record.worker in self._workers:
            self._progress.update(self._workers[record.worker], note=_ending(record))

    def stage_finished(self, result: StageResult | None) -> None:
        """Close the display."""
        self.close()

    def close(self) -> None:
        """Close the display; it may be closed already."""
        if self._progress is not None:
            self._shown.close()
            self._progress = None
            self._workers.clear()

    def _note(self) -> str:
        notes = []
        if self._info.scored_on is not ScoredOn.TEST:  # There the best would be chosen on test.
            notes.append("no value yet" if self._best is None else f"best {self._best:.4f}")
        fresh, left = (0, 0) if self._total is None else (self._done - self._before, self._total - self._done)
        if fresh > 0 and left > 0:
            seconds = (time.monotonic() - self._started) / fresh * left
            notes.append(f"{timedelta(seconds=round(seconds))} left")
        return ", ".join(notes)


def _of(info: StageInfo) -> str:
    return "" if info.n_trials is None or info.epoch_budget is not None else f"/{info.n_trials}"


def _ending(record: TrialRecord) -> str:
    if record.state == "complete":
        return f"value {record.value:.4f} in epoch {record.best_epoch} of {record.epochs_run}, {record.seconds:.0f} s"
    if record.state == "pruned":
        why = "" if record.reason is None else f" ({record.reason})"
        return f"stopped after {record.epochs_run} epochs{why}, {record.seconds:.0f} s"
    return f"{record.failure}{'' if record.final else ', will be retried'} ({record.reason})"
