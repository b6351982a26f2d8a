"""Seconds of an epoch, from a few of its training steps at a few lengths."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import nnls

from psy_agents.training.scoring import answer
from psy_agents.training.trainer import TrainingRun

LENGTHS = 4  # Steps that are timed: the shortest and the longest of an epoch, and two between them.
REPEATS_ON_GPU = 4  # Of a step between two looks at the clock: each look waits for the device.
FORWARD = 1 / 3  # Share of a training step's operations: backward takes twice as many.


@dataclass(frozen=True)
class EpochTime:
    """Seconds of an epoch by part.

    Attributes:
        training: extrapolated from the timed steps.
        evaluation, scoring: of all scored pairs where evaluation was short enough to run; else a third of as many training tokens, and 0.
        timed: seconds of the steps that were timed.
    """

    training: float
    evaluation: float
    scoring: float
    timed: float

    @property
    def total(self) -> float:
        """Seconds of the epoch."""
        return self.training + self.evaluation + self.scoring


def time_epoch(run: TrainingRun, seconds: float) -> EpochTime:
    """Time steps of the run's first epoch for about so many seconds, and extrapolate to the whole epoch.

    The seconds of a step are a constant and a rate by its tokens, both at least 0, fitted by least squares to the medians of the timed
    steps. At least the shortest and the longest step are timed. The run's weights change: it is of no other use afterwards.
    """
    steps = run._steps(run._batches(run._epoch_pairs(1)))
    tokens = np.array([_tokens(run, step) for step in steps], dtype=float)
    chosen = _spread_out(tokens)
    run.agent.train()
    for at in chosen if run.device.type == "cuda" else chosen[:1]:  # A GPU prepares each shape at its first use.
        run.training_step(steps[at])
    taken: dict[int, list[float]] = {at: [] for at in chosen}
    begin = _now(run.device)
    for number in range(10_000):
        at = chosen[number % len(chosen)]
        if number >= min(2, len(chosen)) and _now(run.device) - begin >= seconds:
            break
        taken[at].append(_step_seconds(run, steps[at]))
    timed = _now(run.device) - begin
    seen = [at for at in chosen if taken[at]]
    constant, rate = _line(tokens[seen], np.array([np.median(taken[at]) for at in seen]))
    training = constant * len(steps) + rate * float(tokens.sum())
    expected = FORWARD * training * len(run.validation_windows.ids) / float(tokens.sum())
    if expected > seconds:
        return EpochTime(training, expected, 0.0, timed)
    return EpochTime(training, *time_evaluation(run), timed)


def steps_per_second(run: TrainingRun, seconds: float) -> float:
    """Rate of the run's step of median length, timed for so many seconds and at least once."""
    steps = run._steps(run._batches(run._epoch_pairs(1)))
    step = sorted(steps, key=lambda each: _tokens(run, each))[len(steps) // 2]
    run.agent.train()
    count, begin = 0, _now(run.device)
    while (taken := _now(run.device) - begin) < seconds or not count:
        count += REPEATS_ON_GPU
        for _ in range(REPEATS_ON_GPU):
            run.training_step(step)
    return count / taken


def longest_step(run: TrainingRun) -> None:
    """Run the epoch's step with the most tokens: the one that needs the most memory."""
    run.agent.train()
    run.training_step(max(run._steps(run._batches(run._epoch_pairs(1))), key=lambda step: _tokens(run, step)))


def _tokens(run: TrainingRun, step: Sequence[np.ndarray]) -> int:
    return sum(int(run.train_tables.lengths[run.train_tables.windows_of(pairs)].sum()) for pairs in step)


def _spread_out(tokens: np.ndarray) -> list[int]:
    """Steps from the shortest to the longest: first these two, then those between."""
    order = np.argsort(tokens, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, LENGTHS).round().astype(int)).tolist()
    return [int(order[place]) for place in dict.fromkeys([places[-1], places[0], *places])]


def _step_seconds(run: TrainingRun, step: Sequence[np.ndarray]) -> float:
    repeats = REPEATS_ON_GPU if run.device.type == "cuda" else 1
    begin = _now(run.device)
    for _ in range(repeats):
        run.training_step(step)
    return (_now(run.device) - begin) / repeats


def _line(tokens: np.ndarray, seconds: np.ndarray) -> tuple[float, float]:
    """Constant and slope, neither below 0."""
    scale = tokens.max()
    (constant, slope), _ = nnls(np.stack([np.ones_like(tokens), tokens / scale], axis=1), seconds)
    return float(constant), float(slope / scale)


def time_evaluation(run: TrainingRun) -> tuple[float, float]:
    """Seconds to answer all scored pairs, and to score the answers."""
    for _ in range(2 if run.device.type == "cuda" else 1):
        begin = _now(run.device)
        answers = answer(
            run.agent,
            run.validation_tables,
            budget=run.settings.evaluation_tokens,
            precision=run.precision,
            frozen=run.validation_frozen,
        )
        answered = _now(run.device)
    run.scorer.score(answers, run.scorer.choose(answers))
    return answered - begin, _now(run.device) - answered


def _now(device: torch.device) -> float:
    """Seconds of a clock, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
