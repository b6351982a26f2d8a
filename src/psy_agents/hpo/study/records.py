"""Records of trials and stages: what callbacks get and what a stage returns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from optuna.trial import FrozenTrial, TrialState

from psy_agents.hpo.protocol import EpochReport


class Failure(StrEnum):
    """Why a trial failed."""

    DIED = "worker died"
    HUNG = "worker hung"
    DEVICE = "device error"
    ORPHAN = "orphan of a dead run"
    INTERRUPTED = "interrupted"
    OUT_OF_MEMORY = "out of memory"
    DISK = "disk full"
    DIVERGED = "diverged"
    TIMEOUT = "time is up"
    ERROR = "error"
    CONSTANT = "constant objective"
    REPEATED = "the same failure in a row"


class ScoredOn(StrEnum):
    """What the values of a study's trials are of."""

    VALIDATION = "validation"
    HELD_OUT = "held_out"
    TEST = "test"
    TRAINING = "training"


SCORED_ON = "scored_on"
"""The study's attribute with a `ScoredOn`."""


@dataclass(frozen=True)
class TrialRecord:
    """A trial: running, or as it ended.

    Attributes:
        index: its place among the stage's trials, from 0; a retry has the index of the trial that it repeats.
        number: its number in the study.
        state: running, complete, pruned or failed.
        final: False for a failure that is retried.
        enqueued: its parameters were given, not proposed by the sampler.
        value: the highest value of the smoothed curve, which decides between trials.
        raw_value, best_epoch, metrics: the epoch at which the smoothed curve is highest: its value before smoothing, its number and
            its metrics.
        curve: the value of each epoch, before smoothing, once the trial has ended.
        failure: the kind of failure.
        reason: details of the failure, or why a trial was stopped, without any text from the data.
        checkpoint: the folder of its weights, while they are kept.
        cost: what its model costs to use (`TrainingRun.cost`); empty where nothing was measured.
    """

    index: int
    number: int
    params: Mapping[str, Any]
    seed: int
    state: str
    final: bool = False
    worker: int | None = None
    enqueued: bool = False
    retry_of: int | None = None
    micro_batch_divisor: int = 1
    value: float | None = None
    raw_value: float | None = None
    best_epoch: int | None = None
    epochs_run: int = 0
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    curve: tuple[float, ...] = ()
    seconds: float = 0.0
    failure: str | None = None
    reason: str | None = None
    checkpoint: Path | None = None
    cost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StageInfo:
    """A stage at its start: its size, and the trials that earlier runs finished.

    Attributes:
        n_trials: number of trials, a lower bound where ``epoch_budget`` ends the stage; None where only time ends it.
        epochs: most epochs of a trial.
        done, epochs_trained: finished trials, and the epochs of their last attempts.
        epoch_budget: epochs that the stage spends; None where it does not end by them.
    """

    study_name: str
    stage: str
    label: str
    n_trials: int | None
    epochs: int
    workers: int
    done: int
    best: TrialRecord | None
    attributes: Mapping[str, Any]
    epochs_trained: int
    epoch_budget: int | None

    @property
    def scored_on(self) -> ScoredOn:
        """What the trials' values are of; validation unless the study says otherwise."""
        return scored_on(self.attributes)


def scored_on(attributes: Mapping[str, Any]) -> ScoredOn:
    """What the values of a study with these attributes are of."""
    return ScoredOn(attributes.get(SCORED_ON, ScoredOn.VALIDATION))


@dataclass(frozen=True)
class StageResult:
    """A finished stage: the final attempt of each index."""

    study_name: str
    records: tuple[TrialRecord, ...]

    @property
    def best(self) -> TrialRecord | None:
        """The complete trial of the highest value; None where none completed."""
        return best_record(self.records)

    @property
    def epochs_trained(self) -> int:
        """Epochs of all trials."""
        return count_epochs(self.records)

    @property
    def states(self) -> dict[str, int]:
        """Number of trials by state; failed ones by their reason."""
        return count_states(self.records)


class Callback(Protocol):
    """Follows a stage. A trial is stored before its callbacks run; their exceptions are logged and stop nothing."""

    def stage_started(self, info: StageInfo) -> None: ...

    def trial_started(self, record: TrialRecord) -> None: ...

    def epoch_finished(self, record: TrialRecord, report: EpochReport) -> None: ...

    def trial_finished(self, record: TrialRecord) -> None: ...

    def stage_finished(self, result: StageResult | None) -> None:
        """``result`` is None where the stage was interrupted or gave up."""


def best_record(records: Iterable[TrialRecord]) -> TrialRecord | None:
    """The complete record of the highest value, the earlier of equal ones."""
    complete = [record for record in records if record.state == "complete"]
    return min(complete, key=lambda record: (-record.value, record.number), default=None)


def count_states(records: Iterable[TrialRecord]) -> dict[str, int]:
    """Counts of ``complete``, ``pruned`` and ``failed: {why}``."""
    counts = Counter(r.state if r.failure is None else f"{r.state}: {r.failure}" for r in records)
    return dict(sorted(counts.items()))


def count_epochs(records: Iterable[TrialRecord]) -> int:
    """Epochs that these trials trained."""
    return sum(record.epochs_run for record in records)


STATE_NAMES = {
    TrialState.RUNNING: "running",
    TrialState.WAITING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def record_of(trial: FrozenTrial, *, final: bool, checkpoint: Path | None = None) -> TrialRecord:
    """Read a stored trial."""
    attrs = trial.user_attrs
    value = trial.value if trial.state.is_finished() and trial.state is not TrialState.FAIL else None
    return TrialRecord(
        index=attrs["index"],
        number=trial.number,
        params=dict(trial.params),
        seed=attrs["seed"],
        state=STATE_NAMES[trial.state],
        final=final,
        worker=attrs.get("worker"),
        enqueued=attrs.get("enqueued", False),
        retry_of=attrs.get("retry_of"),
        micro_batch_divisor=attrs.get("micro_batch_divisor", 1),
        value=value if value is None or math.isfinite(value) else None,
        raw_value=attrs.get("raw_value"),
        best_epoch=attrs.get("best_epoch"),
        epochs_run=attrs.get("epochs_run", 0),
        metrics=attrs.get("metrics", {}),
        curve=tuple(attrs.get("epochs", {}).get("value", ())),
        seconds=attrs.get("seconds", 0.0),
        failure=attrs.get("failure"),
        reason=attrs.get("reason"),
        checkpoint=checkpoint,
        cost=attrs.get("cost", {}),
    )


def finite_or_none(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics as JSON can hold them: what is not finite is None."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}
