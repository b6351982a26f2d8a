"""How long a stage will take and what it will write, from what trials of the same agent on the same data took."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from rich.filesize import decimal

from psy_agents.agents.registry import spec
from psy_agents.errors import UserError
from psy_agents.hpo.study.records import TrialRecord
from psy_agents.hpo.study.topk import stage_records

UNITS = (("days", 48.0, 24.0), ("hours", 1.0, 1.0), ("minutes", 1 / 60, 1 / 60))
"""Of a duration: its name, the hours from which it is used, and its hours."""


@dataclass(frozen=True)
class Pace:
    """What the complete trials of one study took.

    Attributes:
        seconds_per_epoch: median over the trials, everything between start and end of a trial included.
        quantiles: the 25 % and 75 % quantiles of the same.
        epoch_share: mean share of the epochs that a trial could train and did; below 1 where trials ended early.
        workers: number of workers that the study's trials ran on.
        checkpoint_bytes: of the largest weights that are kept; None where none are.
    """

    study: str
    seconds_per_epoch: float
    quantiles: tuple[float, float]
    trials: int
    epoch_share: float
    workers: int
    checkpoint_bytes: int | None


@dataclass(frozen=True)
class Budget:
    """An estimate of what is left of a stage.

    Attributes:
        trials: those that are left.
        low_hours, median_hours, high_hours: at the 25 %, 50 % and 75 % quantiles of seconds per epoch, each trial ending
            as early as measured.
        most_hours: at the 75 % quantile, every trial training all its epochs.
        disk_bytes: of the weights when the most are there, those of earlier runs included; None where not measured.
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

    def sentence(self) -> str:
        """The estimate and what it rests on."""
        disk = "disk not measured" if self.disk_bytes is None else f"{decimal(self.disk_bytes)} on disk"
        if not self.trials:
            return f"no trial is left to run, {disk}"
        pace, time = self.pace, duration(self.low_hours, self.high_hours)
        if duration(self.most_hours, self.most_hours) != duration(self.high_hours, self.high_hours):
            time += f" (up to {duration(self.most_hours, self.most_hours).removeprefix('about ')} if no trial ends early)"
        elsewhere = f" on {_count(pace.workers, 'worker')}" if pace.workers != self.workers else ""
        early = f", which ran {pace.epoch_share:.0%} of their epochs" if pace.epoch_share < 1 else ""
        return (
            f"{time} for {_count(self.trials, 'trial')} of at most {_count(self.epochs, 'epoch')} on "
            f"{_count(self.workers, 'worker')} (measured: {_seconds(pace.seconds_per_epoch)} an epoch{elsewhere} in "
            f"{_count(pace.trials, 'trial')} of {pace.study}{early}), {disk}"
        )


def pace_of(study: optuna.Study) -> Pace | None:
    """What a study's complete trials took; None where none has completed."""
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


def best_pace(studies: Iterable[optuna.Study], agent: str, data_hash: str, settings_hash: str) -> Pace | None:
    """The pace of the newest study of the agent on the same data, with the same training settings, that has one."""
    same = []
    for study in studies:
        attrs = study.user_attrs
        known = attrs.get("agent"), attrs.get("data_hash"), attrs.get("settings_hash")
        if known == (agent, data_hash, settings_hash):
            same.append(study)
    newest_first = sorted(same, key=lambda study: study._study_id, reverse=True)
    return next((pace for study in newest_first if (pace := pace_of(study)) is not None), None)


def estimate(
    pace: Pace, *, n_trials: int, done: int, epochs: int, workers: int, pruned_share: float = 0.0, keep_checkpoints: int
) -> Budget:
    """What the trials that are left will take, in as many rounds as the workers need for them.

    Failures and retries are not foreseen.

    Args:
        n_trials, done: the stage's trials, and those that are finished.
        epochs: the most that a trial trains.
        pruned_share: share of the epochs that pruning is expected to save.
    """
    left = max(0, n_trials - done)
    running = min(workers, left)
    rounds = math.ceil(left / workers)
    hours = [rounds * epochs * seconds / 3600 for seconds in (pace.quantiles[0], pace.seconds_per_epoch, pace.quantiles[1])]
    low, median, high = (each * pace.epoch_share * (1 - pruned_share) for each in hours)
    weights = min(keep_checkpoints, n_trials) + (running if keep_checkpoints else 0)
    if pace.checkpoint_bytes is not None:
        disk = weights * pace.checkpoint_bytes
    else:
        disk = None if weights else 0
    return Budget(pace, left, epochs, workers, low, median, high, most_hours=hours[-1], disk_bytes=disk)


def free_bytes(path: str | Path) -> int:
    """Free space where the path is, or will be made."""
    return shutil.disk_usage(_existing(path)).free


def check_space(path: str | Path, needed: int) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        UserError: fewer bytes are free than are needed.
    """
    free = free_bytes(path)
    if free < needed:
        raise UserError(
            f"The disk of {path} has {decimal(free)} free, but {decimal(needed)} may be needed: free some space, "
            "keep fewer checkpoints, or choose another folder."
        )


def _existing(path: str | Path) -> Path:
    path = Path(path).absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def _largest(records: Iterable[TrialRecord]) -> int | None:
    sizes = [size_of(record.checkpoint) for record in records if record.checkpoint is not None]
    return max(sizes, default=None)


def encoder_bytes(agent: str, folders: Iterable[Path]) -> int:
    """Bytes of one trial's weights at most: the largest encoder that it may choose, once for each encoder of the agent."""
    return len(spec(agent).encoders) * max((size_of(folder) for folder in folders), default=0)


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder and below; 0 where there is none."""
    size = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # A search that goes on may delete it meanwhile.
            size += file.lstat().st_size if file.is_file() else 0
    return size


def duration(low: float, high: float) -> str:
    """Hours in the unit that suits the higher one: "about 3.2 to 4.1 hours"."""
    for unit, least, hours in UNITS:
        if high >= least:
            first, last = (f"{each / hours:.1f}" if each < 10 * hours else f"{each / hours:.0f}" for each in (low, high))
            return f"about {last} {unit}" if first == last else f"about {first} to {last} {unit}"
    return "less than a minute"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
