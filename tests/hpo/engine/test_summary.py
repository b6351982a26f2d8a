"""What a stage tells and stores when it ends: its trials, what was repeated, and where the workers' time went."""

import logging
import signal

import pytest

from psy_agents.errors import UserError
from psy_agents.hpo.engine.clocks import WorkerClock, WorkerTime
from psy_agents.hpo.engine.summary import stage_summary, time_sentence
from psy_agents.hpo.study.records import TrialRecord


class Clock:
    """Tells the time that a test sets."""

    now = 100.0

    def __call__(self):
        return self.now


def run_workers(clock, workers, *steps):
    """Each step: what the workers do now, and for how many seconds."""
    for states, seconds in steps:
        workers.update(states)
        clock.now += seconds


def test_each_workers_time_counts_by_what_it_does():
    clock = Clock()
    workers = WorkerClock(clock=clock)
    clock.now += 50.0  # There are no workers yet.
    run_workers(
        clock, workers,
        (["starting", "starting"], 3.0), (["busy", "starting"], 2.0), (["busy", "busy"], 10.0), (["idle", "down"], 1.0),
        (["busy", "starting"], 4.0),
    )  # fmt: skip
    assert workers.time() == WorkerTime(training=2 + 20 + 4, start_up=6 + 2 + 4, idle=2, worker_starts=3)
    assert workers.time().total == 2 * 20.0


def test_runs_of_a_stage_add_up():
    clock = Clock()
    first = WorkerClock(clock=clock)
    run_workers(clock, first, (["starting"], 1.0), (["busy"], 5.0))
    second = WorkerClock(first.time().to_dict(), clock)
    run_workers(clock, second, (["starting", "down"], 2.0), (["busy", "down"], 7.0))
    assert second.time() == WorkerTime(training=12.0, start_up=3.0, idle=9.0, worker_starts=2)
    assert WorkerTime(**second.time().to_dict()) == second.time()


def test_the_sentences_give_states_reasons_the_best_trial_and_shares_of_time():
    records = [
        TrialRecord(0, 0, {}, 1, "complete", value=0.5, epochs_run=2),
        TrialRecord(1, 2, {}, 1, "complete", value=0.75, epochs_run=3),
        TrialRecord(2, 3, {}, 1, "failed", failure="diverged", epochs_run=1),
    ]
    time = WorkerTime(training=3600.0, start_up=36.0, idle=364.0, worker_starts=3)
    trials, times = stage_summary("study", 4, records, {"worker died": 1}, time).splitlines()
    assert trials == (
        "study: 3/4 trials finished (2 complete, 1 failed: diverged), 6 epochs trained; best 0.7500 in trial 2; retried: 1 worker died"
    )
    assert times == (
        "study: worker time 1:06:40: 1:00:00 training (90.0%), 36.0 s starting workers (0.9%), 0:06:04 idle (9.1%); 3 worker starts"
    )
    spent = stage_summary("study", 2, records, {}, time, epoch_budget=8)
    assert spent.startswith("study: 3 trials finished (2 complete, 1 failed: diverged), 6/8 epochs trained; best 0.7500 in trial 2")
    assert time_sentence(WorkerTime()) == "no worker has run"
    tested = stage_summary("study", 2, records, {}, time, on_test=True).splitlines()[0]
    assert tested.endswith("6 epochs trained; on test 0.5000, 0.7500"), "none is the best: it would be chosen on test"
    assert stage_summary("study", None, [], {}, time).startswith("study: 0 trials finished, 0 epochs trained; no value\n")


def test_a_stage_stores_its_times_and_repeats_and_adds_up_its_runs(search, caplog):
    with caplog.at_level(logging.INFO, "psy_agents"):
        search.run(n_trials=3, mishaps={1: "die"})
    assert "study: 3/3 trials finished, none failed, 9 epochs trained; best" in caplog.text
    assert "; retried: 1 worker died" in caplog.text and "2 worker starts" in caplog.text
    stored = search.study().user_attrs
    assert stored["retried"] == {"worker died": 1}
    assert stored["worker_time"]["worker_starts"] == 2
    assert stored["worker_time"]["training"] > 0 and stored["worker_time"]["start_up"] > 0
    search.run(n_trials=3)  # Nothing is left to run: nothing is added.
    assert search.study().user_attrs["worker_time"] == stored["worker_time"]
    search.run(n_trials=4)
    again = search.study().user_attrs["worker_time"]
    assert again["worker_starts"] == 3 and again["training"] > stored["worker_time"]["training"]


@pytest.mark.parametrize("mishap", ["refuse"])
def test_a_stage_that_gives_up_sums_up_too(search, caplog, mishap):
    with caplog.at_level(logging.INFO, "psy_agents"), pytest.raises(UserError):
        search.run(mishaps={1: mishap})
    assert "study: 1/4 trials finished, none failed" in caplog.text
    assert search.study().user_attrs["retried"] == {"interrupted": 1}


class Interrupting:
    """Sends a signal to this process when the second trial starts."""

    def __getattr__(self, event):
        def hear(*args):
            if event == "trial_started" and args[0].index == 1:
                signal.raise_signal(signal.SIGTERM)

        return hear


def test_an_interrupted_stage_sums_up_too(search, caplog):
    with caplog.at_level(logging.INFO, "psy_agents"), pytest.raises(KeyboardInterrupt):
        search.run(callbacks=[Interrupting()], pause=0.2)
    assert "study: 1/4 trials finished, none failed" in caplog.text and "; retried: 1 interrupted" in caplog.text
