"""The interface between the search engine and an objective, which run in different processes.

The engine knows nothing of models: an objective is any class whose instance is made once per worker
process from a picklable ``setup`` and is then called once per trial.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class TrialSpec:
    """Everything that a worker needs to run one trial; resolved in the parent, plain picklable data.

    Attributes:
        number: the trial's number in its study.
        params: resolved hyper-parameters by name; a parameter whose condition is off is absent.
        seed: seeds weights, batches and dropout; the same spec run twice gives the same metrics.
        epochs: the most epochs to train.
        patience: epochs without a better value after which training stops.
        micro_batch_divisor: 1, or 2 after an out-of-memory failure: each micro-batch is cut into so many parts, and each optimiser
            step keeps its pairs.
        checkpoint: folder in which to save the best epoch's model, or None to save nothing.
    """

    number: int
    params: Mapping[str, Any]
    seed: int
    epochs: int
    patience: int
    micro_batch_divisor: int = 1
    checkpoint: Path | None = None


@dataclass(frozen=True)
class EpochReport:
    """One finished epoch (counted from 1): its objective value (higher is better) and every metric.

    Attributes:
        cost: what the model costs to use, as measured so far. It is no metric, since it differs from machine to machine, and decides
            nothing.
    """

    epoch: int
    value: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialOutcome:
    """A finished trial.

    Attributes:
        value: decides between trials; of a search, the highest value of the smoothed curve.
        best_epoch, metrics: the epoch of that value, and its metrics.
        raw_value: the same epoch's value before smoothing; None where the value is not that of an epoch.
    """

    value: float
    best_epoch: int
    epochs_run: int
    metrics: Mapping[str, float]
    raw_value: float | None = None


class TrialDiverged(Exception):
    """The loss or value is not finite: a permanent failure, which is not retried."""


class TrialPruned(Exception):
    """The engine answered "stop" to a report; the objective raises it to end the trial."""


Report = Callable[[EpochReport], bool]
"""Sends a report to the engine and returns True for "continue", False for "stop"."""


class Objective(Protocol):
    """An instance lives in one worker process and runs its trials one after another."""

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome: ...
