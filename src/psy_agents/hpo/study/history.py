"""Which of a stage's trials are finished, and which to run next: derived from what is stored, and from nothing else.

A stage wants n *logical* trials, by index (n is None: no limit). Each is attempted until it is finished: an attempt completed,
was pruned or failed for good, or its retries are used up. A stage that spends epochs wants at least n: trials that ended early leave
epochs, and these are spent on further trials.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from psy_agents.hpo.study.records import Failure

INFRASTRUCTURE = {Failure.DIED, Failure.HUNG, Failure.DEVICE}
PERMANENT = {Failure.DIVERGED, Failure.TIMEOUT, Failure.ERROR}
UNEXPECTED = INFRASTRUCTURE | {Failure.ERROR}
"""What the machine or the installation may have caused: in a row at one place it settles nothing (`failures_in_a_row`)."""
REPEATS = 3
MEMORY_ATTEMPTS = 2
AHEAD = 64  # Pending indices of a stage that only time ends: more than it has workers.


def epochs_of(trial: FrozenTrial) -> int:
    """Number of epochs that an attempt trained, as far as it reported them."""
    return max(trial.user_attrs.get("epochs_run", 0), len(trial.intermediate_values))


@dataclass(frozen=True)
class Retry:
    """A trial to run again: its parameters, and the attempt that failed."""

    params: dict[str, Any]
    retry_of: int
    micro_batch_divisor: int


class TrialHistory:
    """The attempts of each index, in the order of their numbers.

    Args:
        n_trials: number of trials; None: no limit.
        max_retries: retries of a trial whose worker died or hung.
        epochs_per_trial: where the stage spends epochs, the epochs of a whole trial: new trials begin while n_trials times as many
            epochs have room for one more. None: ``n_trials`` trials, however short they are.
    """

    def __init__(
        self, trials: Iterable[FrozenTrial], *, n_trials: int | None, max_retries: int, epochs_per_trial: int | None = None
    ) -> None:
        if n_trials is None and epochs_per_trial is not None:
            raise ValueError("a stage that spends epochs needs a number of trials")
        self.n_trials, self.max_retries, self.epochs_per_trial = n_trials, max_retries, epochs_per_trial
        self._attempts: dict[int, dict[int, FrozenTrial]] = defaultdict(dict)
        self._finished: dict[int, int] = {}  # Index: epochs of its last attempt, which decides.
        self._epochs_charged = 0
        self._running: set[int] = set()
        for trial in trials:
            self.update(trial)

    def update(self, trial: FrozenTrial) -> None:
        """Take in a trial's new state; one without an index was never stored whole and is no attempt."""
        if "index" not in trial.user_attrs:
            return
        index = trial.user_attrs["index"]
        attempts = self._attempts[index]
        attempts[trial.number] = trial
        # Kept up to date here: a long stage must not go through all of its trials at every step.
        self._running.discard(index)
        self._epochs_charged -= self._finished.pop(index, 0)
        if any(attempt.state is TrialState.RUNNING for attempt in attempts.values()):
            self._running.add(index)
        trials = list(attempts.values())
        if self._finishes(trials):
            self._finished[index] = max(1, epochs_of(trials[-1]))
            self._epochs_charged += self._finished[index]

    def is_finished(self, index: int) -> bool:
        """Whether the index needs no further attempt."""
        return index in self._finished

    def _finishes(self, attempts: Sequence[FrozenTrial]) -> bool:
        last = attempts[-1]
        if last.state in (TrialState.COMPLETE, TrialState.PRUNED):
            return True
        failures = [attempt.user_attrs.get("failure") for attempt in attempts]
        if Failure.REPEATED in failures:  # Retries count from there on: the cause was outside the trial.
            failures = failures[len(failures) - failures[::-1].index(Failure.REPEATED) :] or [Failure.REPEATED]
        if failures[-1] in PERMANENT:
            return True
        if failures[-1] == Failure.OUT_OF_MEMORY:
            return failures.count(Failure.OUT_OF_MEMORY) >= MEMORY_ATTEMPTS
        if failures[-1] in INFRASTRUCTURE:
            return sum(failure in INFRASTRUCTURE for failure in failures) > self.max_retries
        return False

    def pending(self) -> list[int]:
        """The indices to run now, lowest first: neither finished nor running."""
        if self.epochs_per_trial is not None:
            return self._pending_in_budget()
        n_trials = max(self._attempts, default=-1) + 1 + AHEAD if self.n_trials is None else self.n_trials
        return [index for index in range(n_trials) if index not in self._finished and index not in self._running]

    def _pending_in_budget(self) -> list[int]:
        """The begun indices without a running attempt, however little is left for them, then as many new ones as fit.

        An index that has begun is ended. Until then it may train all its epochs, so that many are kept for it.
        """
        begun = [index for index in sorted(self._attempts) if index not in self._finished]
        left = (self.n_trials - len(begun)) * self.epochs_per_trial - self._epochs_charged
        new = itertools.islice((index for index in itertools.count() if index not in self._attempts), max(0, left // self.epochs_per_trial))
        return [*(index for index in begun if index not in self._running), *new]

    def retry(self, index: int) -> Retry | None:
        """How to repeat the index's last attempt; None where it has none yet."""
        attempts = list(self._attempts.get(index, {}).values())
        if not attempts:
            return None
        exhausted = any(attempt.user_attrs.get("failure") == Failure.OUT_OF_MEMORY for attempt in attempts)
        return Retry(dict(attempts[-1].params), attempts[-1].number, 2 if exhausted else 1)

    @property
    def epochs_charged(self) -> int:
        """The budget that the finished trials have used: their epochs, and one for a trial that failed before its first.

        Without that one, a stage whose every trial fails at once would never end.
        """
        return self._epochs_charged

    @property
    def epochs_left(self) -> int | None:
        """Epochs that the stage may still train, at most; None where it does not spend epochs."""
        if self.epochs_per_trial is None:
            return None
        begun = len(self._attempts) - len(self._finished)
        left = self.n_trials * self.epochs_per_trial - self._epochs_charged
        return max(begun * self.epochs_per_trial, left) if begun or left >= self.epochs_per_trial else 0

    def attempts(self) -> list[FrozenTrial]:
        """All attempts of all indices."""
        return [attempt for attempts in self._attempts.values() for attempt in attempts.values()]

    def valid_attempts(self) -> list[FrozenTrial]:
        """The last attempt of each index that is finished or runs: no attempt that is repeated."""
        valid = [index for index in self._attempts if index in self._finished or index in self._running]
        return [list(self._attempts[index].values())[-1] for index in valid]

    def final_attempts(self) -> list[FrozenTrial]:
        """The last attempt of each finished index."""
        return [list(self._attempts[i].values())[-1] for i in sorted(self._finished)]

    def failures_in_a_row(self) -> tuple[str, list[FrozenTrial]] | None:
        """Where the last final attempts failed unexpectedly, each at the same place, and all such failures since the last success.

        Returns:
            None where fewer than `REPEATS` failed so; of a stage with fewer trials, fewer than all.
        """
        places: dict[str, list[FrozenTrial]] = defaultdict(list)
        for trial in sorted(self.final_attempts(), key=lambda trial: trial.datetime_complete):
            if trial.state is not TrialState.FAIL:
                places.clear()
            elif trial.user_attrs["failure"] in UNEXPECTED:
                places[trial.user_attrs["reason"]].append(trial)
        place, trials = max(places.items(), key=lambda item: len(item[1]), default=("", []))
        if len(trials) < min(REPEATS, self.n_trials or REPEATS):
            return None
        return place, [trial for found in places.values() for trial in found]
