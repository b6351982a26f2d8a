"""The seconds of a token are those of warm batches."""

import itertools

import numpy as np
import pytest
import torch

from psy_agents.training.step import batch_times
from psy_agents.training.step.batch_times import BatchTimes

LENGTHS = np.array([10, 20, 30])
BATCHES = [np.array([2]), np.array([0, 1])]  # 30 tokens each.


@pytest.fixture
def times(monkeypatch):
    """Times of batches that take 30, 60, then 3, 6, then 9 and 9 seconds."""
    moments = itertools.accumulate(step for seconds in (30, 60, 3, 6, 9, 9) for step in (0, seconds))
    monkeypatch.setattr(batch_times, "now", lambda device: next(moments))
    return BatchTimes(LENGTHS, torch.device("cpu"))


def test_a_single_evaluation_counts_whole(times):
    assert [chosen.tolist() for chosen in times.of(BATCHES)] == [[2], [0, 1]]
    assert times.seconds_per_token == pytest.approx((1 + 2) / 2)


def test_the_first_of_several_prepares_the_device_and_does_not_count(times):
    for _ in range(3):
        list(times.of(BATCHES))
    assert times.seconds_per_token == pytest.approx(np.median([0.1, 0.2, 0.3, 0.3]))
