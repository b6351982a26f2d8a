"""What a stage tells and stores when it ends: its trials, what was repeated, and where the slots' time went."""

import logging
import signal

import pytest

from psy_agents.errors import UserError
from psy_agents.hpo.engine.summary import stage_summary, time_sentence
from psy_agents.hpo.engine.worker_time import SlotClock, SlotTime
from psy_agents.hpo.study.records import TrialRecord


class Clock:
    """Tells the time that a test sets."""

    now = 100.0

    def __call__(self):
        return self.now


def run_slots(clock, slots, *steps):
    """Each step: what the slots do now, and for how many seconds."""
    for states, seconds in steps:
        slots.note(states)
        clock.now += seconds


def test_each_slots_time_counts_by_what_it_does():
    clock = Clock()
    slots = SlotClock(clock=clock)
    clock.now += 50.0  # There are no slots yet.
    run_slots(
        clock, slots,
        (["starting", "starting"], 3.0), (["busy", "starting"], 2.0), (["busy", "busy"], 10.0), (["idle", "down"], 1.0),
        (["busy", "starting"], 4.0),
    )  # fmt: skip
    assert slots.time() == SlotTime(training=2 + 20 + 4, start_up=6 + 2 + 4, idle=2, worker_starts=3)
    assert slots.time().total == 2 * 20.0


def test_runs_of_a_stage_add_up():
    clock = Clock()
    first = SlotClock(clock=clock)
    run_slots(clock, first, (["starting"], 1.0), (["busy"], 5.0))
    second = SlotClock(first.time().stored(), clock)
    run_slots(clock, second, (["starting", "down"], 2.0), (["busy", "down"], 7.0))
    assert second.time() == SlotTime(training=12.0, start_up=3.0, idle=9.0, worker_starts=2)
    assert SlotTime(**second.time().stored()) == second.time()


def test_the_sentences_tell_states_reasons_the_best_trial_and_shares_of_time():
    records = [
        TrialRecord(0, 0, {}, 1, "complete", value=0.5),
        TrialRecord(1, 2, {}, 1, "complete", value=0.75),
        TrialRecord(2, 3, {}, 1, "failed", failure="diverged"),
    ]
    time = SlotTime(training=3600.0, start_up=36.0, idle=364.0, worker_starts=3)
    trials, times = stage_summary("study", 4, records, {"worker died": 1}, time).splitlines()
    assert trials == (
        "study: 3 of 4 trials settled: 2 complete, 1 failed: diverged; best 0.7500 in trial 2 (number 2); "
        "attempts beyond them: 1 worker died"
    )
    assert times == (
        "study: slot time 1:06:40: 1:00:00 training (90.0%), 36.0 s starting workers (0.9%), 0:06:04 idle (9.1%); 3 worker starts"
    )
    assert time_sentence(SlotTime()) == "no slot has run"
    assert stage_summary("study", None, [], {}, time).startswith("study: 0 trials settled: none; no value; attempts beyond them: none")


def test_a_stage_stores_its_times_and_repeats_and_adds_up_its_runs(search, caplog):
    with caplog.at_level(logging.INFO, "psy_agents"):
        search.run(n_trials=3, mishaps={1: "die"})
    assert "study: 3 of 3 trials settled: 3 complete; best" in caplog.text
    assert "attempts beyond them: 1 worker died" in caplog.text and "2 worker starts" in caplog.text
    stored = search.study().user_attrs
    assert stored["repeated"] == {"worker died": 1}
    assert stored["slot_time"]["worker_starts"] == 2
    assert stored["slot_time"]["training"] > 0 and stored["slot_time"]["start_up"] > 0
    search.run(n_trials=3)  # Nothing is left to run: nothing is added.
    assert search.study().user_attrs["slot_time"] == stored["slot_time"]
    search.run(n_trials=4)
    again = search.study().user_attrs["slot_time"]
    assert again["worker_starts"] == 3 and again["training"] > stored["slot_time"]["training"]


@pytest.mark.parametrize("mishap", ["refuse"])
def test_a_stage_that_gives_up_sums_up_too(search, caplog, mishap):
    with caplog.at_level(logging.INFO, "psy_agents"), pytest.raises(UserError):
        search.run(mishaps={1: mishap})
    assert "study: 1 of 4 trials settled: 1 complete" in caplog.text
    assert search.study().user_attrs["repeated"] == {"interrupted": 1}


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
    assert "study: 1 of 4 trials settled: 1 complete" in caplog.text and "attempts beyond them: 1 interrupted" in caplog.text
