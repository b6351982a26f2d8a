"""Estimates of a stage's time and disk space: from finished trials of the same agent on the same corpus, or from timed steps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import optuna
from rich.filesize import decimal

from psy_agents.hpo.disk import size_of
from psy_agents.hpo.space.config import SpaceName
from psy_agents.hpo.study.records import TrialRecord
from psy_agents.hpo.study.topk import stage_records

UNITS = (("days", 48.0, 24.0), ("hours", 1.0, 1.0), ("minutes", 1 / 60, 1 / 60))
"""Units of a duration: name, least hours at which it is used, hours of one unit."""


@dataclass(frozen=True)
class Pace:
    """Measurements of the complete trials of one study, or of steps that were timed before the first trial (`PaceMeter`).

    Attributes:
        study: None where steps were timed.
        seconds_per_epoch: median over the trials. Everything between start and end of a trial counts.
        quantiles: 25 % and 75 % quantiles of the seconds per epoch.
        epoch_share: mean share of the allowed epochs that a trial trained; below 1 if trials ended early.
        workers: number of the study's workers.
        checkpoint_bytes: size of the largest checkpoint on disk; None if there is none.
        start_seconds: of what a trial needs once, where that is not part of the seconds per epoch.
        timed_seconds, device: seconds of the timed steps, and what they ran on.
    """

    study: str | None
    seconds_per_epoch: float
    quantiles: tuple[float, float]
    trials: int
    epoch_share: float
    workers: int
    checkpoint_bytes: int | None
    start_seconds: float = 0.0
    timed_seconds: float = 0.0
    device: str = ""

    @property
    def source(self) -> str:
        """What was measured, in words."""
        if self.study is None:
            return f"{_seconds(self.timed_seconds)} of training steps on {self.device}"
        return f"{_count(self.trials, 'trial')} of {self.study}"


@dataclass(frozen=True)
class StageEstimate:
    """Expected time and disk space of the unfinished trials of a stage.

    Attributes:
        trials: number of unfinished trials; where the stage spends epochs, a lower bound.
        low_hours, median_hours, high_hours: at the 25 %, 50 % and 75 % quantiles of seconds per epoch. Each trial ends
            as early as measured, unless the stage spends what that saves.
        most_hours: at the 75 % quantile. Every trial trains all its epochs.
        pruned_share: share of the epochs that the pruner is expected to save.
        epochs_left: epochs of the unfinished trials together, where the stage spends epochs.
        disk_bytes: largest size of all checkpoints of the stage at one time; None if no size was measured.
    """

    pace: Pace
    trials: int
    epochs: int
    workers: int
    low_hours: float
    median_hours: float
    high_hours: float
    most_hours: float
    disk_bytes: int | None
    pruned_share: float = 0.0
    epochs_left: int | None = None

    def sentence(self) -> str:
        """The estimate and its measurements as one line."""
        disk = "disk not measured" if self.disk_bytes is None else f"{decimal(self.disk_bytes)} on disk"
        if not self.trials:
            return f"no trial is left to run, {disk}"
        pace, time = self.pace, duration(self.low_hours, self.high_hours)
        if duration(self.most_hours, self.most_hours) != duration(self.high_hours, self.high_hours):
            time += f" (up to {duration(self.most_hours, self.most_hours).removeprefix('about ')} if no trial ends early)"
        elsewhere = f" on {_count(pace.workers, 'worker')}" if pace.workers != self.workers else ""
        early = f", which ran {pace.epoch_share:.0%} of their epochs" if pace.epoch_share < 1 else ""
        saved = f"; pruning saves {self.pruned_share:.0%} of the epochs, as in earlier stages" if self.pruned_share else ""
        saved = saved or ("; what early ends save is not measured yet" if pace.study is None else "")
        work = f"{_count(self.trials, 'trial')} of at most {_count(self.epochs, 'epoch')}"
        if self.epochs_left is not None:
            early = saved = ""
            work = f"{_count(self.epochs_left, 'epoch')}, that is, at least {work},"
        return (
            f"{time} for {work} on {_count(self.workers, 'worker')} (measured: {_seconds(pace.seconds_per_epoch)} an epoch{elsewhere} in "
            f"{pace.source}{early}{saved}), {disk}"
        )


def pace_of(study: optuna.Study) -> Pace | None:
    """The pace of a study; None if no trial is complete."""
    complete = [record for record in stage_records(study) if record.state == "complete"]
    if not complete:
        return None
    low, median, high = np.quantile([record.seconds / record.epochs_run for record in complete], (0.25, 0.5, 0.75))
    epochs = study.user_attrs["epochs"]
    return Pace(
        study=study.study_name,
        seconds_per_epoch=float(median),
        quantiles=(float(low), float(high)),
        trials=len(complete),
        epoch_share=float(np.mean([record.epochs_run / epochs for record in complete])),
        workers=study.user_attrs.get("layout", {}).get("workers") or len({record.worker for record in complete}),
        checkpoint_bytes=_largest(complete),
    )


def best_pace(
    studies: Iterable[optuna.Study], agent: str, data_hash: str, settings_hash: str, space: SpaceName | None = None
) -> Pace | None:
    """The pace of the agent's newest study with complete trials on the same corpus and with the same training settings.

    Args:
        space: only studies of trials of this space count, and those that were made before a study kept the name; None: of any.
    """
    same = []
    for study in studies:
        attrs = study.user_attrs
        known = attrs.get("agent"), attrs.get("data_hash"), attrs.get("settings_hash")
        if known == (agent, data_hash, settings_hash) and (space is None or attrs.get("space", space) == space):
            same.append(study)
    newest_first = sorted(same, key=lambda study: study._study_id, reverse=True)
    return next((pace for study in newest_first if (pace := pace_of(study)) is not None), None)


def estimate_stage(
    pace: Pace,
    *,
    n_trials: int,
    done: int,
    epochs: int,
    workers: int,
    pruned_share: float = 0.0,
    epochs_left: int | None = None,
    keep_checkpoints: int,
) -> StageEstimate:
    """Estimate the unfinished trials. The workers run them in rounds; failures and retries are left out.

    Args:
        n_trials, done: number of the stage's trials, and of those that are finished.
        epochs: largest number of epochs of a trial.
        pruned_share: share of the epochs that pruning is expected to save; see `measure_survival`.
        epochs_left: where the stage spends epochs, those that are left: their time is known, however many trials they are.
    """
    left = max(0, n_trials - done) if epochs_left is None else epochs_left // epochs
    running = min(workers, left)
    rounds = math.ceil(left / workers)
    in_turn = rounds * epochs if epochs_left is None else epochs_left / max(1, running)  # Epochs of one worker.
    starts = in_turn / epochs * pace.start_seconds / 3600
    hours = [in_turn * seconds / 3600 for seconds in (pace.quantiles[0], pace.seconds_per_epoch, pace.quantiles[1])]
    low, median, high = (starts + each * (pace.epoch_share * (1 - pruned_share) if epochs_left is None else 1.0) for each in hours)
    weights = most_weights(keep_checkpoints, n_trials, running)
    if pace.checkpoint_bytes is not None:
        disk = weights * pace.checkpoint_bytes
    else:
        disk = None if weights else 0
    most = starts + hours[-1]
    return StageEstimate(pace, left, epochs, workers, low, median, high, most, disk, pruned_share, epochs_left)


def most_weights(keep_checkpoints: int, n_trials: int, running: int) -> int:
    """Number of trials whose weights a stage has on disk at a time."""
    return min(keep_checkpoints, n_trials) + (running if keep_checkpoints else 0)


def _largest(records: Iterable[TrialRecord]) -> int | None:
    sizes = [size_of(record.checkpoint) for record in records if record.checkpoint is not None]
    return max(sizes, default=None)


def duration(low: float, high: float) -> str:
    """Hours in the largest unit that fits the higher one, such as "about 3.2 to 4.1 hours"."""
    for unit, least, hours in UNITS:
        if high >= least:
            first, last = (f"{each / hours:.1f}" if each < 10 * hours else f"{each / hours:.0f}" for each in (low, high))
            return f"about {last} {unit}" if first == last else f"about {first} to {last} {unit}"
    return "less than a minute"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
