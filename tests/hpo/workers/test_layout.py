"""The split of a machine into workers: as set, as the study began, or as measured; never more than memory has room for."""

import logging

import pytest

from psy_agents.errors import UserError
from psy_agents.hpo.config import StageConfig, WorkersConfig
from psy_agents.hpo.workers import layout
from psy_agents.hpo.workers.cgroups import GIB
from psy_agents.hpo.workers.executor import worker_count
from psy_agents.hpo.workers.layout import candidates, choose_layout, fastest, measure

STAGE = {"name": "stage0", "label": "test", "n_trials": 20, "epochs": 3, "patience": 3}
RATES = {(8, 1): 40.0, (4, 2): 44.0, (2, 4): 50.0, (1, 8): 30.0}


def config(**changes):
    workers = {key: changes.pop(key) for key in [*changes] if key in WorkersConfig.model_fields}
    return StageConfig(**{**STAGE, **changes}, workers=workers)


@pytest.fixture
def machine(monkeypatch):
    """A machine by its cores, GPUs and memory (GiB); requested splits are measured as RATES has it, and listed."""
    asked = []

    def rates(splits):
        asked.append(splits)
        return {split: RATES.get(split, 1.0) for split in splits}

    def make(cores=8, gpus=(), memory=64):
        monkeypatch.setattr(layout, "cpu_cores", lambda: cores)
        monkeypatch.setattr(layout, "visible_gpus", lambda: list(gpus))
        monkeypatch.setattr(layout, "available_memory", lambda: memory * GIB)
        monkeypatch.setattr(layout, "measure", rates)
        return asked

    return make


def split(chosen):
    return chosen.workers, chosen.threads


def test_on_cpu_the_fastest_split_is_taken_and_its_figures_are_logged_and_stored(machine):
    machine()
    chosen = choose_layout(config())
    assert split(chosen) == (2, 4)
    assert chosen.to_dict()["steps_per_second"] == {"8 x 1": 40.0, "4 x 2": 44.0, "2 x 4": 50.0, "1 x 8": 30.0}
    assert chosen.sentence() == (
        "2 workers x 4 threads (the fastest split of 8 cores; steps a second 8 x 1: 40.0, 4 x 2: 44.0, 2 x 4: 50.0, 1 x 8: 30.0)"
    )


def test_of_splits_as_fast_the_one_with_the_most_workers_is_taken():
    assert fastest({(8, 1): 97.0, (4, 2): 100.0, (1, 8): 80.0}) == (8, 1)
    assert fastest({(8, 1): 90.0, (4, 2): 100.0, (1, 8): 99.0}) == (4, 2)


def test_even_splits_and_the_most_workers_are_timed():
    assert candidates(8, 1_000) == ((8, 1), (4, 2), (2, 4), (1, 8))
    assert candidates(8, 3) == ((3, 2), (2, 4), (1, 8))
    assert candidates(7, 4) == ((4, 1), (1, 7))
    assert candidates(1, 5) == ((1, 1),)


def test_memory_and_the_number_of_trials_limit_the_workers(machine):
    asked = machine(memory=13)
    chosen = choose_layout(config())
    assert asked == [((3, 2), (2, 4), (1, 8))]
    assert "13.0 GiB free for workers of 4" in chosen.why
    assert split(choose_layout(config(n_trials=2))) == (2, 4)
    assert split(choose_layout(config(memory_gib=100.0))) == (1, 8)
    assert len(asked) == 2, "where only one split is left nothing is timed"


def test_a_single_trial_has_all_cores(machine):
    asked = machine()
    chosen = choose_layout(config(n_trials=1))
    assert split(chosen) == (1, 8) and asked == []
    assert chosen.sentence() == "1 worker x 8 threads (one trial has all cores)"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"count": 2}, (2, 4)),
        ({"count": 2, "threads": 1}, (2, 1)),
        ({"threads": 1}, (8, 1)),
        ({"threads": 3}, (2, 3)),
        ({"count": 16}, (16, 1)),
        ({"count": 4, "n_trials": 2}, (2, 4)),
    ],
)
def test_what_is_set_holds_and_nothing_is_timed(machine, settings, expected):
    asked = machine()
    assert split(choose_layout(config(**settings))) == expected
    assert asked == []


def test_a_set_number_of_workers_a_gpu_holds_and_nothing_is_timed(machine):
    machine(cores=12, gpus=("0", "1", "2"), memory=1)
    one, two = (choose_layout(config(per_gpu=number), time_on_gpu=None) for number in (1, 2))
    assert (split(one), split(two)) == ((3, 4), (6, 2))
    assert [two.device(worker) for worker in range(6)] == ["0", "1", "2", "0", "1", "2"]
    assert two.why == "2 for each of 3 GPUs, as set"
    assert split(choose_layout(config(count=1, per_gpu=2))) == (1, 12)
    assert choose_layout(config(count=1)).device(0) == "0"


@pytest.mark.parametrize(
    ("rates", "workers"),
    [({1: 10.0, 2: 18.0, 3: 24.0, 4: 24.5, 5: 23.0}, 3), ({1: 10.0, 2: 9.0, 3: 8.0}, 1), ({1: 10.0}, 1), ({}, 1)],
)
def test_as_many_workers_a_gpu_as_are_fastest_and_of_equally_fast_numbers_the_smallest(machine, rates, workers):
    machine(cores=12, gpus=("5", "7"))
    requested = []
    chosen = choose_layout(config(), time_on_gpu=lambda gpu, most: requested.append((gpu, most)) or rates)
    assert requested == [("5", 6)], "the first GPU, and a core for each worker"
    assert split(chosen) == (2 * workers, 12 // (2 * workers))
    assert chosen.steps_per_second == {f"{number} on a GPU": rate for number, rate in rates.items()}
    assert chosen.why == f"{workers} for each of 2 GPUs" + (f", the fastest of 1 to {max(rates)}" if rates else "")


def test_no_more_workers_than_trials_are_timed_on_a_gpu_and_a_single_trial_needs_no_timing(machine):
    machine(cores=12, gpus=("0",))
    requested = []
    choose_layout(config(n_trials=3), time_on_gpu=lambda gpu, most: requested.append(most) or {1: 1.0, 2: 2.0, 3: 3.0})
    assert split(choose_layout(config(n_trials=1), time_on_gpu=lambda *_: pytest.fail("timed"))) == (1, 12)
    assert requested == [3]


def test_a_study_keeps_the_number_of_workers_a_gpu_until_another_is_set(machine):
    machine(cores=8, gpus=("0",))
    began = choose_layout(config(), time_on_gpu=lambda *_: {1: 10.0, 2: 18.0}).to_dict()
    again = choose_layout(config(), began, time_on_gpu=lambda *_: pytest.fail("timed again"))
    assert split(again) == (2, 4) and again.why == "as the study began"
    assert split(choose_layout(config(per_gpu=3), began)) == (3, 2)


def test_a_study_keeps_its_layout_where_the_machine_still_can(machine):
    asked = machine()
    began = {**choose_layout(config()).to_dict(), "workers": 4, "threads": 1}
    again = choose_layout(config(), began)
    assert split(again) == (4, 1) and again.why == "as the study began" and len(asked) == 1
    assert split(choose_layout(config(count=4), began)) == (4, 1)
    assert split(choose_layout(config(count=2), began)) == (2, 4), "what is set comes first"
    machine(cores=2)
    assert split(choose_layout(config(), began)) == (2, 1), "there are fewer cores now"
    machine(gpus=("0",))
    assert split(choose_layout(config(), began)) == (1, 8), "there is a GPU now"


def test_a_stage_stores_its_layout_and_keeps_it(search, machine, caplog):
    machine(cores=4)
    with caplog.at_level(logging.INFO, "psy_agents"):
        search.run(n_trials=3, workers="auto")
    stored = search.study().user_attrs["layout"]
    assert (stored["workers"], stored["threads"], stored["cores"]) == (3, 1, 4)
    assert "study: 3 workers x 1 thread (the fastest split of 4 cores; steps a second 3 x 1: 1.0" in caplog.text
    machine(cores=8)
    search.run(n_trials=4, workers="auto")
    assert search.study().user_attrs["layout"]["threads"] == 1
    assert "as the study began" in search.study().user_attrs["layout"]["why"]


def test_splits_are_timed_for_real_once_a_process():
    splits = ((2, 1), (1, 1))
    rates = measure(splits)
    assert set(rates) == set(splits) and all(rate > 0 for rate in rates.values())
    assert measure(splits) is rates


def test_a_split_that_cannot_be_timed_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(layout, "TIMEOUT", 0.0)
    with pytest.raises(UserError, match="1 workers of 3 threads could not be timed"):
        measure(((1, 3),))


def test_an_estimate_counts_the_workers_that_auto_made_before(monkeypatch):
    monkeypatch.setattr("psy_agents.hpo.workers.resources.visible_gpus", list)
    assert worker_count(config(), chosen=3) == 3
    monkeypatch.setattr("psy_agents.hpo.workers.resources.visible_gpus", lambda: ["0", "1"])
    assert worker_count(config(per_gpu=2), chosen=3) == 4
    assert worker_count(config(), chosen=6) == 6 and worker_count(config()) == 2
