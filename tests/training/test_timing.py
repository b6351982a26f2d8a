"""An epoch's seconds follow from a few of its steps: a constant and a rate by tokens."""

import pytest
from support.tiny_agents import SETTINGS, parameters

from psy_agents.training import timing
from psy_agents.training.timing import steps_per_second, time_epoch
from psy_agents.training.trainer import TrainingData, TrainingRun


class Clock:
    """Stands still but for what a training step adds: a constant, and a rate by its tokens."""

    def __init__(self, run, monkeypatch, constant, rate):
        self.now, self.steps = 0.0, 0
        step = run.training_step

        def slow(batches):
            self.now += constant + rate * timing._tokens(run, batches)
            self.steps += 1
            return step(batches)

        monkeypatch.setattr(run, "training_step", slow)
        monkeypatch.setattr(timing, "now", lambda _: self.now)


@pytest.fixture
def run(encoders, corpus):
    config = parameters(encoders["bert"], batch_size=2)
    return TrainingRun("share", config, SETTINGS, TrainingData(corpus, "share", SETTINGS), seed=5, epochs=2, patience=2, device="cpu")


@pytest.mark.parametrize(("constant", "rate"), [(0.25, 0.0), (0.0, 0.001), (0.25, 0.01)])
@pytest.mark.parametrize("way", ["_parts_of_a_step", "_whole_steps"])
def test_the_epoch_is_extrapolated_from_a_constant_and_a_rate_by_tokens(run, monkeypatch, way, constant, rate):
    steps = run._steps(run._batches(run._epoch_pairs(1)))
    expected = constant * len(steps) + rate * sum(timing._tokens(run, step) for step in steps)
    clock = Clock(run, monkeypatch, constant, rate)
    monkeypatch.setattr(timing, "_parts_of_a_step", getattr(timing, way))  # That of a GPU works on a CPU as well.
    epoch = time_epoch(run, 50.0)
    assert epoch.training == pytest.approx(expected)
    assert 0 < epoch.timed <= clock.now


def test_on_a_slow_device_one_pair_is_timed_and_evaluation_is_taken_as_a_third_of_training(run, monkeypatch):
    clock = Clock(run, monkeypatch, 0.0, 100.0)
    epoch = time_epoch(run, 60.0)
    assert clock.steps == 2, "a warm-up and a pair"
    trained = sum(timing._tokens(run, step) for step in run._steps(run._batches(run._epoch_pairs(1))))
    assert epoch.training == pytest.approx(100.0 * trained, rel=0.1)
    assert epoch.evaluation == pytest.approx(epoch.training * len(run.validation_windows.ids) / trained / 3, rel=0.1)
    assert epoch.total == epoch.training + epoch.evaluation + epoch.scoring


def test_evaluation_and_scoring_are_run_where_they_are_short(run, monkeypatch):
    scored = []
    score = run.scorer.score
    monkeypatch.setattr(run.scorer, "score", lambda *given: scored.append(given) or score(*given))
    Clock(run, monkeypatch, 0.01, 0.0)  # So that evaluation is expected to be short on any machine.
    epoch = time_epoch(run, 1.0)
    assert len(scored) == 1 and epoch.total == epoch.training


def test_steps_a_second_are_those_of_the_step_of_median_length(run, monkeypatch):
    Clock(run, monkeypatch, 0.5, 0.0)
    assert steps_per_second(run, 3.0) == pytest.approx(2.0)
