"""Frozen states change no figure, are made once for a depth, and stay within their memory."""

import numpy as np
import pytest
import torch
from support.tiny_agents import SETTINGS, parameters

from psy_agents.agents.encoders.frozen_layers import FrozenLayers
from psy_agents.training.trainer import TrainingData, TrainingRun

NONE_KEPT = SETTINGS.model_copy(update={"frozen_states_gib": 0.0})


@pytest.fixture
def runs_of_frozen_layers(monkeypatch):
    """How many batches of windows went through frozen layers alone."""
    seen, alone = [], FrozenLayers.run
    monkeypatch.setattr(FrozenLayers, "run", lambda self, *args: seen.append(self.depth) or alone(self, *args))
    return seen


def run(encoders, training_data, settings=SETTINGS, agent="share", seed=5, **changes):
    config = parameters(encoders["bert"], **changes)
    return TrainingRun(agent, config, settings, training_data, seed=seed, epochs=2, patience=9, device="cpu")


def figures(training):
    return [(epoch.losses, epoch.value) for epoch in training.epochs()]


@pytest.mark.parametrize("agent", ["criteria", "evidence", "share", "joint"])
def test_kept_states_give_the_figures_of_layers_that_are_run_each_time(encoders, corpus, agent):
    both = []
    for settings, has in ((SETTINGS, True), (NONE_KEPT, False)):
        training = run(encoders, TrainingData(corpus, agent, settings), settings, agent, frozen_layers=1, encoder_dropout=0.2)
        assert (training.train_frozen is not None) == has
        both.append(figures(training))
    for ours, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4)
        assert ours[1] == pytest.approx(theirs[1], abs=1e-6)


def test_a_trial_gives_the_same_whatever_its_worker_did_before(encoders, corpus):
    alone = figures(run(encoders, TrainingData(corpus, "share", SETTINGS), frozen_layers=2))
    training_data = TrainingData(corpus, "share", SETTINGS)
    for depth in (1, 2, 1):
        figures(run(encoders, training_data, seed=6, frozen_layers=depth))
    assert figures(run(encoders, training_data, frozen_layers=2)) == alone


def test_states_are_made_once_for_a_depth(encoders, corpus, runs_of_frozen_layers):
    training_data = TrainingData(corpus, "criteria", SETTINGS)
    run(encoders, training_data, agent="criteria", frozen_layers=1)
    first = len(runs_of_frozen_layers)
    run(encoders, training_data, agent="criteria", frozen_layers=1)
    assert len(runs_of_frozen_layers) == first + 1, "the probe of the new encoder alone"
    figures(run(encoders, training_data, agent="criteria", frozen_layers=2))
    assert runs_of_frozen_layers[first + 1 :].count(2) == first


@pytest.mark.parametrize("changes", [{}, {"frozen_layers": 1, "reinitialised_layers": 2}])
def test_nothing_is_kept_where_nothing_is_frozen_or_a_frozen_layer_is_reinitialised(encoders, corpus, changes):
    assert run(encoders, TrainingData(corpus, "share", SETTINGS), **changes).train_frozen is None


def test_states_that_cost_more_than_they_save_are_not_made(encoders, corpus):
    training = run(encoders, TrainingData(corpus, "share", SETTINGS), frozen_layers=1, negative_ratio=0.0)
    few = len(training._epoch_pairs(1)) / training.train_windows.n_pairs
    assert 2 * few < 1, "two epochs read fewer pairs than there are"
    assert training.train_frozen is None and training.validation_frozen is not None


def test_the_oldest_states_make_room(encoders, corpus):
    training_data = TrainingData(corpus, "share", SETTINGS)
    one = run(encoders, training_data, frozen_layers=1)
    size = one.train_frozen.states_NH.nbytes + one.validation_frozen.states_NH.nbytes
    for settings, kept in ((2.5, [1, 2]), (1.5, [2])):
        training_data = TrainingData(corpus, "share", SETTINGS.model_copy(update={"frozen_states_gib": settings * size / 2**30}))
        for depth in (1, 2):
            assert run(encoders, training_data, frozen_layers=depth).train_frozen.depth == depth
        assert sorted(next(iter(training_data.frozen_states._states.values()))) == kept, "of the training windows"


def test_a_windows_states_stand_where_its_tokens_do(encoders, corpus):
    training = run(encoders, TrainingData(corpus, "share", SETTINGS), frozen_layers=1)
    windows, frozen = training.train_windows, training.train_frozen
    chosen = np.array([3, 0])
    states = training.train_tables.take(chosen, frozen).frozen_BTH
    for row, window in enumerate(chosen):
        length = windows.lengths[window]
        inside = slice(windows.first[window], windows.first[window + 1])
        assert torch.equal(states[row, :length], frozen.states_NH[inside])
        assert not states[row, length:].any()
