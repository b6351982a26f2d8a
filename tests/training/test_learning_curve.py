"""Smoothed learning curves: their values by hand, and which epoch they choose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psy_agents.training.learning_curve import best_epoch, best_value, smoothed


def test_each_epoch_is_averaged_with_its_neighbours_and_the_ends_are_repeated():
    assert smoothed([0.3, 0.6, 0.0, 0.9]) == pytest.approx([0.4, 0.3, 0.5, 0.6])


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.1]])
def test_a_curve_below_three_epochs_stays_as_it_is(values):
    assert smoothed(values) == values


def test_one_lucky_epoch_does_not_win():
    curve = [0.1, 0.7, 0.1, 0.5, 0.5, 0.5]
    assert (best_epoch(curve), best_value(curve)) == (5, 0.5)


def test_the_first_of_equal_epochs_is_the_best():
    assert best_epoch([0.4, 0.4, 0.4, 0.4]) == 1


def test_a_curve_without_epochs_has_no_best_one():
    with pytest.raises(ValueError):
        best_epoch([])


@given(st.lists(st.floats(0, 1), min_size=4), st.floats(0, 1))
def test_an_epoch_is_settled_when_the_next_one_is_known(values, next_value):
    assert smoothed([*values, next_value])[: len(values) - 1] == smoothed(values)[:-1]
