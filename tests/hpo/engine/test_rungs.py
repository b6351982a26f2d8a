"""A trial stops at a rung unless it is among the best seen there: the rule, and what the engine compares and stores."""

import itertools
import signal
from collections import Counter
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState
from pydantic import ValidationError
from support.search.program import Program
from support.search.search_process import CONFIG, DEFAULTS, SPACE
from support.waiting import wait_for

from psy_agents.hpo.config import RungsPruner, StageConfig
from psy_agents.hpo.engine.rungs import RungDecision, decide_at_rung
from psy_agents.hpo.engine.stage_trials import StageTrials
from psy_agents.hpo.protocol import EpochReport, TrialOutcome
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.checkpoints import Checkpoints
from psy_agents.hpo.study.records import Failure
from psy_agents.hpo.study.store import StudyStore
from psy_agents.training.learning_curve import best_epoch, best_value

RUNGS = RungsPruner()
curves = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]), min_size=1, max_size=6)


@given(curve=curves, others=st.lists(curves, max_size=12), eta=st.integers(2, 4), least=st.integers(2, 6))
def test_a_trial_continues_if_fewer_than_one_in_eta_of_those_seen_there_are_better(curve, others, eta, least):
    pruner = RungsPruner(epochs=(2, 4), reduction_factor=eta, min_trials=least)
    decision = decide_at_rung(pruner, curve, others)
    if len(curve) not in (2, 4):
        assert decision is None
        return
    seen = [best_value(other[: len(curve)]) for other in others if len(other) >= len(curve)]
    better = sum(value > best_value(curve) for value in seen)
    assert (decision.epoch, decision.value, decision.n_seen) == (len(curve), best_value(curve), len(seen) + 1)
    assert decision.stop == (len(seen) + 1 >= least and better >= max(1, (len(seen) + 1) // eta))


def test_what_a_trial_did_after_the_rung_counts_for_nothing_there():
    others = [[0.5, 0.5, 0.9, 0.9], [0.4, 0.4], [0.3, 0.3], [0.9]]
    assert decide_at_rung(RUNGS, [0.5, 0.6], others) == RungDecision(2, 0.6, 4, 0.6)
    assert decide_at_rung(RUNGS, [0.5, 0.5], others) == RungDecision(2, 0.5, 4, 0.5)  # As good as the cut-off.
    assert decide_at_rung(RUNGS, [0.4, 0.45], others).stop
    assert decide_at_rung(RUNGS, [0.4, 0.45], others[1:]) == RungDecision(2, 0.45, 3, None)  # Too few were seen.


def test_a_rung_compares_smoothed_curves():
    steady, lucky = [0.5] * 5, [0.0, 0.0, 0.9, 0.0, 0.0]
    assert decide_at_rung(RUNGS, lucky, [steady] * 3) == RungDecision(5, pytest.approx(0.3), 4, 0.5)


@pytest.mark.parametrize("epochs", [(5, 2), (2, 2), ()])
def test_rungs_out_of_order_are_refused(epochs):
    with pytest.raises(ValidationError, match="at least 1 item" if epochs == () else "epochs must be in ascending order, each once"):
        RungsPruner(epochs=epochs)


class Stage:
    """A stage without processes: trials with given curves by index, in a store that outlives each run."""

    def __init__(self, store: StudyStore, folder, curves, *, name="study", epochs=6):
        self.config = StageConfig(
            **{**CONFIG, "n_trials": len(curves), "epochs": epochs, "pruner": RUNGS, "workers": {"count": 1}, "keep_checkpoints": 0}
        )
        self.curves, self.study = curves, store.study(name)
        parts = (self.config, SearchSpace.from_config(SPACE, DEFAULTS), (), (), self.study, store.writer(self.study))
        self._open = lambda: StageTrials(*parts, Checkpoints(folder, 0), dict)
        self.trials = self._open()

    def restarted(self) -> StageTrials:
        """As after a kill."""
        self.trials = self._open()
        return self.trials

    def train(self, running, epochs=None) -> bool:
        """Report epochs; returns whether the trial must stop."""
        for number in range(len(running.reports) + 1, 1 + (epochs or self.config.epochs)):
            report = EpochReport(number, self.curves[running.record.index][number - 1])
            stop = self.trials.should_stop(running, report)
            self.trials.store_epoch(running, report)
            if stop:
                return True
        return False

    def end(self, running, stopped: bool):
        values = running.values
        outcome = TrialOutcome(best_value(values), best_epoch(values), len(values), {}, raw_value=values[best_epoch(values) - 1])
        return self.trials.finish(running, None if stopped else outcome)

    def run(self, steps=None) -> bool:
        """One worker; ends at once, in the middle of a trial, after so many epochs. Returns whether the stage has ended."""
        left = itertools.count() if steps is None else range(steps)
        left = iter(left)
        while pending := self.trials.history.pending():
            running = self.trials.begin(pending[0], 0)
            for number in range(1, self.config.epochs + 1):
                if next(left, None) is None:
                    return False
                if stopped := self.train(running, number):
                    break
            self.end(running, stopped)
        return True

    def stopped(self):
        return [(r.index, r.state, r.value, r.raw_value, r.epochs_run, r.reason) for r in self.trials.records()]

    def decisions(self) -> list:
        return [trial.user_attrs.get("rungs") for trial in self.trials.history.final_attempts()]


@pytest.fixture
def store(tmp_path):
    with StudyStore(tmp_path / "studies.db") as opened:
        yield opened


FLAT = [0.5, 0.6, 0.3, 0.4, 0.7, 0.2, 0.6, 0.65, 0.8, 0.1]


def flat(heights=FLAT, epochs=6):
    return [[height] * epochs for height in heights]


def test_rungs_ask_no_pruner_of_optuna(store, tmp_path, monkeypatch):
    """It would go through a copy of all trials for each epoch, for nothing."""
    monkeypatch.setattr("psy_agents.hpo.engine.stage_trials.InMemoryStudy", None)
    stage = Stage(store, tmp_path, flat())
    assert stage.run() and stage.trials.records()[3].state == "pruned"


def test_a_stage_stops_trials_and_stores_what_each_was_compared_with(store, tmp_path):
    stage = Stage(store, tmp_path, flat())
    assert stage.run()
    # At the first rung the fourth, sixth and last are too low; the seventh is as good as its cut-off there, and stops at the second.
    assert [record.epochs_run for record in stage.trials.records()] == [6, 6, 6, 2, 6, 2, 5, 6, 6, 2]
    first, _, _, fourth, fifth = stage.decisions()[:5]
    assert [(each["epoch"], each["n_seen"], each["cut_off"], each["stop"]) for each in first] == [(2, 1, None, False), (5, 1, None, False)]
    assert fourth == [{"epoch": 2, "value": 0.4, "n_seen": 4, "cut_off": 0.6, "stop": True}]
    assert [(each["epoch"], each["n_seen"], each["stop"]) for each in fifth] == [(2, 5, False), (5, 4, False)]
    record = stage.trials.records()[3]
    assert (record.value, record.epochs_run) == (0.4, 2)
    assert record.reason == "value 0.4000 at the rung of epoch 2, cut-off 0.6000 among 4 trials"
    assert stage.decisions() == [trial.user_attrs["rungs"] for trial in store.study("study").trials]


@pytest.mark.parametrize("steps", [7, 8, 11])
def test_a_search_that_is_killed_again_and_again_decides_as_one_that_was_not(store, tmp_path, steps):
    curves = [[height * (1 - 0.5**epoch) + 0.1 * (epoch % 2) for epoch in range(1, 7)] for height in FLAT]
    whole = Stage(store, tmp_path, curves, name="whole")
    assert whole.run()
    killed = Stage(store, tmp_path, curves, name="killed")
    n_runs = 1
    while not killed.run(steps):
        killed.restarted()
        n_runs += 1
    assert n_runs > 2
    assert (killed.stopped(), killed.decisions()) == (whole.stopped(), whole.decisions())


def test_an_attempt_that_is_repeated_does_not_compete_with_its_repetition(store, tmp_path):
    stage = Stage(store, tmp_path, flat([0.5, 0.4, 0.3, 0.6]))
    for index in range(3):
        stage.end(running := stage.trials.begin(index, 0), stage.train(running))
    orphan = stage.trials.begin(3, 0)
    assert not stage.train(orphan, 2)
    again = stage.restarted().begin(3, 0)
    stage.curves[3] = [0.55] * 6  # Less than its orphan, as another number of threads may make it.
    assert not stage.train(again, 2)
    assert asdict(again.decisions[0]) == {"epoch": 2, "value": 0.55, "n_seen": 4, "cut_off": 0.55}
    lost = stage.trials.fail(again, Failure.DIED, "exit code 9")
    assert not lost.final
    third = stage.trials.begin(3, 0)
    assert not stage.train(third)
    assert [decision.n_seen for decision in third.decisions] == [4, 4]
    assert store.study("study").trials[lost.number].user_attrs["rungs"][0]["stop"] is False


def test_attempts_that_are_yet_to_be_repeated_compete_with_none(store, tmp_path):
    stage = Stage(store, tmp_path, flat([0.5, 0.4, 0.8, 0.9, 0.3]))
    for index in range(2):
        stage.end(running := stage.trials.begin(index, 0), stage.train(running))
    for index in (2, 3):
        assert not stage.train(stage.trials.begin(index, index), 2)
    assert stage.restarted().history.pending() == [2, 3, 4]
    new = stage.trials.begin(4, 0)
    assert not stage.train(new, 2)
    assert asdict(new.decisions[0]) == {"epoch": 2, "value": 0.3, "n_seen": 3, "cut_off": None}


def test_running_trials_are_compared_in_the_order_of_their_reports(store, tmp_path):
    stage = Stage(store, tmp_path, flat([0.1, 0.2, 0.3, 0.4]))
    running = [stage.trials.begin(index, index) for index in range(4)]
    stopped = [stage.train(each, 2) for each in reversed(running)]
    assert stopped == [False, False, False, True]  # The best came first, and only the last one had four to be compared with.
    assert [each.decisions[0].n_seen for each in reversed(running)] == [1, 2, 3, 4]


@pytest.mark.parametrize(("epochs", "rungs"), [(1, set()), (2, set()), (5, {2}), (6, {2, 5})])
def test_rungs_from_the_last_epoch_on_do_nothing(store, tmp_path, epochs, rungs):
    stage = Stage(store, tmp_path, flat(sorted(FLAT, reverse=True)[:5]), epochs=epochs)
    stage.run()
    assert {each["epoch"] for decisions in stage.decisions() for each in decisions or ()} == rungs
    assert Counter(trial.state for trial in store.study("study").trials)[TrialState.PRUNED] == (2 if rungs else 0)


def test_a_killed_process_continues_and_decides_the_same(search, tmp_path):
    options = {
        "n_trials": 6, "baselines": [{"x": x} for x in (0.6, 0.5, 0.3, 0.1, 0.7, 0.2)], "epochs": 4,
        "pruner": {"name": "rungs", "epochs": [1, 2]},
    }  # fmt: skip
    whole = search.run(name="whole", **options)
    assert [record.epochs_run for record in whole.records] == [4, 4, 4, 1, 4, 1]
    program = Program(tmp_path, mishaps={4: "hang"}, **options)
    wait_for(search.hung.exists)  # Between its two rungs.
    program.send(signal.SIGKILL)
    result = search.run(**options)
    assert search.failures() == [Failure.ORPHAN]
    assert [(r.params, r.state, r.value, r.reason) for r in result.records] == [
        (r.params, r.state, r.value, r.reason) for r in whole.records
    ]
    compared = [[trial.user_attrs.get("rungs") for trial in search.study(name).trials] for name in ("study", "whole")]
    assert compared[0] == [*compared[1][:4], None, *compared[1][4:]]
