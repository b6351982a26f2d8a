"""Seconds of an epoch, from a few of its training steps at a few lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from psy_agents.training.scoring import answers_of
from psy_agents.training.step.batch_times import now
from psy_agents.training.trainer import TrainingRun

LENGTHS = 4  # Steps that are timed: the shortest and the longest of an epoch, and two between them.
REPEATS = 4  # Of a length on a CPU.
WARM_UP_ON_GPU = 3  # First uses of a shape: a graph is captured in one of them.
REPEATS_ON_GPU = 4  # Of a step between two looks at the clock: each look waits for the device.
FORWARD = 1 / 3  # Share of a training step's operations: backward takes twice as many.


@dataclass(frozen=True)
class EpochTime:
    """Seconds of an epoch by part.

    Attributes:
        training: extrapolated from the timed steps.
        evaluation, scoring: of all scored pairs where evaluation was short enough to run; else a third of as many training tokens, and 0.
        timed: seconds of the steps that were timed.
        prepared: seconds of first steps and of a first evaluation, in which a GPU prepares each shape; a trial needs them once.
    """

    training: float
    evaluation: float
    scoring: float
    timed: float
    prepared: float

    @property
    def total(self) -> float:
        """Seconds of the epoch."""
        return self.training + self.evaluation + self.scoring


def time_epoch(run: TrainingRun, seconds: float) -> EpochTime:
    """Time steps of the run's first epoch for about so many seconds, and extrapolate to the whole epoch.

    The seconds of a step are a constant and a rate by its tokens, both at least 0, fitted by least squares to the timed steps: on a GPU
    the shortest and the longest of the epoch and two between them; on a CPU one pair, then twice as many, and so on while there is time,
    since one whole step of a large encoder may take minutes there. The run's weights change: it is of no other use afterwards.
    """
    steps = run._steps(run._batches(run._epoch_pairs(1)))
    tokens = np.array([_tokens(run, step) for step in steps], dtype=float)
    run.agent.train()
    way = _whole_steps if run.device.type == "cuda" else _parts_of_a_step
    with run.as_in_an_epoch():
        found, timed, prepared = way(run, steps, tokens, seconds)
    constant, rate = _line(*zip(*found, strict=True))
    training = constant * len(steps) + rate * float(tokens.sum())
    expected = FORWARD * training * len(run.validation_windows.ids) / float(tokens.sum())
    if expected > seconds:
        return EpochTime(training, expected, 0.0, timed, prepared)
    evaluation, scoring, first = time_evaluation(run)
    return EpochTime(training, evaluation, scoring, timed, prepared + first - evaluation)


def steps_per_second(run: TrainingRun, seconds: float) -> float:
    """Rate of the run's step of median length, timed for so many seconds and at least once."""
    steps = run._steps(run._batches(run._epoch_pairs(1)))
    step = sorted(steps, key=lambda each: _tokens(run, each))[len(steps) // 2]
    run.agent.train()
    count, begin = 0, now(run.device)
    with run.as_in_an_epoch():
        while (taken := now(run.device) - begin) < seconds or not count:
            count += REPEATS_ON_GPU
            for _ in range(REPEATS_ON_GPU):
                run.training_step(step)
    return count / taken


def longest_step(run: TrainingRun) -> None:
    """Run the epoch's step with the most tokens: the one that needs the most memory."""
    run.agent.train()
    longest = max(run._steps(run._batches(run._epoch_pairs(1))), key=lambda step: _tokens(run, step))
    with run.as_in_an_epoch():
        for _ in range(WARM_UP_ON_GPU if run.device.type == "cuda" else 1):  # A captured graph keeps memory of its own.
            run.training_step(longest)


def _tokens(run: TrainingRun, step: Sequence[np.ndarray]) -> int:
    return sum(int(run.train_tables.lengths[run.train_tables.windows_of(pairs)].sum()) for pairs in step)


Found = tuple[list[tuple[float, float]], float, float]
"""Tokens and median seconds of steps, the seconds in which they were timed, and those of the steps before."""


def _whole_steps(run: TrainingRun, steps: list, tokens: np.ndarray, seconds: float) -> Found:
    """Steps of a few lengths, in turn until the time is up."""
    chosen = _spread_out(tokens)
    before = now(run.device)
    for at in chosen:
        for _ in range(WARM_UP_ON_GPU):
            run.training_step(steps[at])
    taken: dict[int, list[float]] = {at: [] for at in chosen}
    begin = now(run.device)
    while not taken[chosen[-1]] or now(run.device) - begin < seconds:
        for at in chosen:
            taken[at].append(_step_seconds(run, steps[at], REPEATS_ON_GPU))
    return [(tokens[at], float(np.median(each))) for at, each in taken.items()], now(run.device) - begin, begin - before


def _parts_of_a_step(run: TrainingRun, steps: list, tokens: np.ndarray, seconds: float) -> Found:
    """Steps of 1, 2, 4, ... pairs up to those of the epoch's longest step, while twice the last one's seconds are left.

    What is left then repeats the largest ones: most of an epoch is like them.
    """
    pairs = np.concatenate(steps[int(tokens.argmax())])
    sizes = [2**power for power in range(len(pairs).bit_length()) if 2**power < len(pairs)] + [len(pairs)]
    taken: dict[int, list[float]] = {}
    begin = now(run.device)
    run.training_step([pairs[:1]])  # The first step sets up the kernels.
    last = now(run.device) - begin
    for size in sizes:
        if taken and now(run.device) - begin + 2 * last > seconds:
            break
        last = _step_seconds(run, [pairs[:size]])
        taken[size] = [last]
    for size in [*taken][: -1 - LENGTHS : -1] * REPEATS:
        if now(run.device) - begin + taken[size][0] > seconds:
            break
        taken[size].append(_step_seconds(run, [pairs[:size]]))
    points = [(float(_tokens(run, [pairs[:size]])), float(np.median(each))) for size, each in taken.items()]
    return points, now(run.device) - begin, 0.0


def _spread_out(tokens: np.ndarray) -> list[int]:
    """Steps from the shortest to the longest."""
    order = np.argsort(tokens, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, LENGTHS).round().astype(int)).tolist()
    return [int(order[place]) for place in places]


def _step_seconds(run: TrainingRun, step: Sequence[np.ndarray], repeats: int = 1) -> float:
    begin = now(run.device)
    for _ in range(repeats):
        run.training_step(step)
    return (now(run.device) - begin) / repeats


def _line(tokens: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """Constant and slope, neither below 0; of a single point the slope alone."""
    scale = max(tokens)
    if min(tokens) == scale:
        return 0.0, float(np.mean(seconds)) / scale
    (constant, slope), _ = nnls(np.stack([np.ones(len(tokens)), np.array(tokens) / scale], axis=1), np.array(seconds))
    return float(constant), float(slope / scale)


def time_evaluation(run: TrainingRun) -> tuple[float, float, float]:
    """Seconds to answer all scored pairs, to score the answers, and of the first answering (on a CPU the same)."""
    first = None
    for _ in range(1 + WARM_UP_ON_GPU if run.device.type == "cuda" else 1):
        begin = now(run.device)
        with run.deterministic():
            answers = answers_of(run.agent, run.validation_windows, run.forward)
        answered = now(run.device)
        first = answered - begin if first is None else first
    run.scorer.score(answers, run.scorer.choose(answers))
    return answered - begin, now(run.device) - answered, first
