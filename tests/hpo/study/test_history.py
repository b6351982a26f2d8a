"""Which trials are next: by their number, or while epochs are left; whatever happens to them, and whenever the search is killed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from psy_agents.hpo.study.history import AHEAD, TrialHistory
from psy_agents.hpo.study.records import Failure

MAX_RETRIES = 1
FINAL = ("complete", "pruned", Failure.ERROR, Failure.DIVERGED)
REPEATED = (Failure.DIED, Failure.ORPHAN, Failure.INTERRUPTED, Failure.OUT_OF_MEMORY)


def attempt(number: int, index: int, ending: str | None = None, epochs: int = 0) -> FrozenTrial:
    """A running attempt, or one that ended so after these epochs."""
    state = {None: TrialState.RUNNING, "complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}.get(ending, TrialState.FAIL)
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=state,
        value=0.5 if state is TrialState.COMPLETE else None,
        datetime_start=None,
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={"index": index} | ({"failure": str(ending)} if state is TrialState.FAIL else {}),
        system_attrs={},
        intermediate_values=dict.fromkeys(range(1, epochs + 1), 0.5),
    )


def history(trials, n_trials, epochs=None):
    return TrialHistory(trials, n_trials=n_trials, max_retries=MAX_RETRIES, epochs_per_trial=epochs)


@dataclass
class Stage:
    """A stage that runs trials as a history wants them; what happens to them is given."""

    n_trials: int
    epochs: int
    trials: list[FrozenTrial] = field(default_factory=list)
    running: dict[int, int] = field(default_factory=dict)  # Index: number.

    def __post_init__(self) -> None:
        self.history = history([], self.n_trials, self.epochs)

    @property
    def budget(self) -> int:
        return self.n_trials * self.epochs

    def begin(self, index: int) -> None:
        number = len(self.trials)
        self.running[index] = number
        self.trials.append(attempt(number, index))
        self.history.update(self.trials[-1])

    def end(self, index: int, ending: str, epochs: int) -> None:
        number = self.running.pop(index)
        self.trials[number] = attempt(number, index, ending, epochs)
        self.history.update(self.trials[number])

    def killed(self) -> None:
        """Everything but what is stored is lost; running trials are orphans."""
        for index in list(self.running):
            self.end(index, Failure.ORPHAN, 0)
        self.history = history(self.trials, self.n_trials, self.epochs)

    def spent(self) -> int:
        """Epochs of finished trials, counted again; one that failed before its first epoch counts as one."""
        return sum(max(1, len(trial.intermediate_values)) for trial in self.history.final_attempts())

    def begun(self) -> set[int]:
        return {trial.user_attrs["index"] for trial in self.trials}


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4))
def test_epochs_are_spent_to_the_last_whole_trial_and_never_overspent(data, n_trials, epochs, workers):
    stage, kills = Stage(n_trials, epochs), data.draw(st.integers(0, 3))
    failures = data.draw(st.integers(0, 5))
    while stage.history.pending() or stage.running:
        pending = stage.history.pending()
        assert pending == TrialHistory.pending(history(stage.trials, n_trials, epochs)), "derived from what is stored"
        new = [index for index in pending if index not in stage.begun()]
        unfinished = {index for index in stage.begun() if not stage.history.is_finished(index)}
        room = stage.budget - stage.spent() - epochs * len(unfinished)
        assert room >= 0, "what has begun may train all its epochs"
        assert len(new) == room // epochs, "a trial begins where a whole one fits, and only there"
        assert set(pending) - set(new) == unfinished - set(stage.running), "what has begun is ended"
        assert pending == sorted(pending)
        free = workers - len(stage.running)
        for index in pending[: data.draw(st.integers(0, free)) if stage.running else free]:
            stage.begin(index)
        if kills and data.draw(st.booleans()):
            kills -= 1
            stage.killed()
        elif stage.running:
            index = data.draw(st.sampled_from(sorted(stage.running)))
            ending = data.draw(st.sampled_from(FINAL + REPEATED if failures else FINAL))
            failures -= ending in REPEATED
            stage.end(index, ending, data.draw(st.integers(0, epochs)))
    assert 0 <= stage.budget - stage.spent() < epochs
    finals = [trial.user_attrs["index"] for trial in stage.history.final_attempts()]
    assert finals == list(range(len(finals))) and len(finals) >= n_trials


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(FINAL), st.integers(0, 3)), max_size=12), st.integers(1, 5))
def test_a_number_of_trials_is_kept_however_short_they_are(trials, n_trials):
    trials = {index: (ending, epochs) for index, ending, epochs in trials}
    stored = history([attempt(number, index, *ended) for number, (index, ended) in enumerate(trials.items())], n_trials)
    assert stored.pending() == [index for index in range(n_trials) if index not in trials]


def test_short_trials_leave_epochs_for_more_and_failures_at_once_end_the_stage_too():
    short = [attempt(number, number, "pruned", 1) for number in range(3)]
    assert history(short, 4, 5).pending() == [3, 4, 5], "17 of 20 epochs are left"
    assert history(short, 4, 5).epochs_charged == 3
    assert history([attempt(0, 0, "complete", 5)], 1, 5).pending() == []
    fails = [attempt(number, number, Failure.ERROR) for number in range(20)]
    assert history(fails[:15], 4, 5).pending() == [15] and history(fails[:16], 4, 5).pending() == []


def test_a_begun_trial_is_ended_where_its_budget_is_used_up_or_made_smaller():
    retried = [attempt(0, 0, Failure.DIED, 5), attempt(1, 1, "complete", 5)]
    assert history(retried, 2, 5).pending() == [0], "the failed attempt's epochs are not charged"
    assert history(retried, 1, 5).pending() == [0]
    assert history([*retried, attempt(2, 0, "complete", 2)], 2, 5).pending() == []
    assert history([*retried, attempt(2, 0, "complete", 2)], 3, 5).pending() == [2], "a larger number continues"
    assert history([attempt(0, 0)], 2, 5).pending() == [1], "a running trial keeps all its epochs"


def test_without_a_number_the_pending_trials_never_end_and_there_is_no_budget():
    assert history([], None).pending() == list(range(AHEAD))
    with pytest.raises(ValueError, match="needs a number of trials"):
        history([], None, 5)
