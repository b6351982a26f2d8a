"""What is held of epochs: always that of the best one, whichever epoch turns out to be it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psy_agents.training.best_epoch import BestEpoch
from psy_agents.training.learning_curve import best_epoch


@given(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=1, max_size=12))
def test_the_best_epoch_is_held_after_every_epoch_and_little_else(values):
    kept, dropped = BestEpoch(), []
    for number, value in enumerate(values, start=1):
        dropped += kept.add(value, number)
        assert kept.number == kept.left == best_epoch(values[:number])
        assert number - len(dropped) <= 2
    assert len(set(dropped)) == len(dropped)


def test_without_an_epoch_there_is_no_best_one():
    with pytest.raises(ValueError):
        BestEpoch().number  # noqa: B018
