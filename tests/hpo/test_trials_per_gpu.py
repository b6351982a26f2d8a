"""How many trials a GPU runs at a time: more of them are timed while they gain and fit. The workers are real, and run on a CPU here."""

import logging

import pytest
from support.small_search import SPACES, training_settings

from psy_agents.hpo import trials_per_gpu
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.hpo.trials_per_gpu import GpuMeter, Memory, time_numbers

STAGE = StageConfig(name="stage0", label="sanity", n_trials=4, epochs=1, patience=1)
ALL = 80.0  # Of the stand-in's memory.


class StandIn:
    """A GPU on which so many workers have these rates; each takes memory, if the GPU gives it, and only some can start."""

    def __init__(self, rates, each=None, starts=99):
        self.rates, self.each, self.starts = rates, each, starts
        self.workers, self.timed = 0, []

    def add(self, number):
        added = min(number, self.starts - self.workers)
        self.workers += added
        each = self.each or 0
        left = [ALL - each * (self.workers - added + place) for place in range(1, added + 1)]
        return [Memory(free, ALL) if self.each else None for free in left]

    def rate(self, number):
        assert number <= self.workers
        self.timed.append(number)
        return self.rates(number)


def test_more_are_timed_until_two_in_a_row_are_no_gain():
    rig = StandIn(lambda number: min(number, 4) * 10.0)
    assert time_numbers(rig, 16) == {1: 10.0, 2: 20.0, 3: 30.0, 4: 40.0, 5: 40.0, 6: 40.0}


@pytest.mark.parametrize(("each", "most"), [(20, 3), (36, 2), (37, 1), (8, 9)])
def test_no_more_are_timed_than_the_memory_holds_with_a_tenth_to_spare(each, most):
    rig = StandIn(float, each)
    assert max(time_numbers(rig, 16)) == most and rig.workers <= max(2, most)


@pytest.mark.parametrize("starts", [0, 1, 2, 3, 7])
def test_where_a_worker_fails_no_more_are_tried(starts):
    assert list(time_numbers(StandIn(float, starts=starts), 16)) == list(range(1, starts + 1))


def test_a_number_at_which_a_worker_fails_in_its_steps_ends_the_timing():
    assert list(time_numbers(StandIn(lambda number: float(number) if number < 4 else None), 16)) == [1, 2, 3]
    assert time_numbers(StandIn(lambda _: None), 16) == {}


def test_no_more_are_timed_than_there_are_cores_or_trials():
    assert list(time_numbers(StandIn(float), 3)) == [1, 2, 3]
    assert list(time_numbers(StandIn(float), 1)) == [1]


def test_real_workers_are_timed_once_and_the_rates_are_kept(tmp_path, corpus, encoder, caplog, monkeypatch):
    monkeypatch.setattr(trials_per_gpu, "SECONDS", 0.1)
    meter = GpuMeter.of_stage(SearchSetup("share", training_settings(encoder), corpus), SPACES, STAGE, tmp_path)
    with caplog.at_level(logging.INFO, "psy_agents"):
        rates = meter.rates(None, 2)
    assert set(rates) == {1, 2} and all(rate > 0 for rate in rates.values())
    assert [message for message in caplog.messages if "steps of 1 to 2 trials at a time are timed on" in message]
    monkeypatch.setattr(trials_per_gpu, "time_numbers", None)  # Would be called where nothing is kept.
    assert meter.rates(None, 2) == rates and meter.rates(None, 1) == {1: rates[1]}
