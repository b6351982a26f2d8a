"""CUDA graphs against the same steps without them: every agent, two shapes, accumulation, evaluation, memory, determinism."""

import gc
import logging

import numpy as np
import pytest
import torch
from support import tiny_agents

from psy_agents.agents.registry import AGENTS
from psy_agents.training.config import TrainingSettings
from psy_agents.training.scoring import answers_of
from psy_agents.training.step.forward import Forward
from psy_agents.training.step.graphs import CudaGraphs, Repeated
from psy_agents.training.step.memory import is_out_of_memory
from psy_agents.training.trainer import TrainingData, TrainingRun

STEPS = 30
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.05}


def new_run(corpus, encoder, agent, graphs, precision="bfloat16", **changes):
    settings = TrainingSettings(precision=precision, cuda_graphs=graphs)
    config = tiny_agents.parameters(encoder, **{"batch_size": 4, "adam_epsilon": 1e-3} | changes)
    return TrainingRun(agent, config, settings, TrainingData(corpus, agent, settings), seed=3, epochs=4, patience=9, device="cuda")


def train(run, steps=STEPS):
    """Micro-batches of two shapes in turn, two a step; the losses and the weights after them."""
    counts = np.bincount(run.train_windows.pair)
    single = np.flatnonzero(counts == 1)
    single = single[np.argsort(run.lengths[single], kind="stable")]
    several = np.flatnonzero(counts == counts.max())
    short, several = (single[-4:], single[-4:-1]), (several[:3], several[-3:])
    run.agent.train()
    losses = []
    for i in range(steps):
        run.learning_rates.scale(1 - i / STEPS)
        losses.append(float(run.training_step([short[i % 2], several[i // 2 % 2]] if i % 3 else [several[0], short[1]])))
    return losses, torch.cat([value.float().flatten() for value in run.agent.state_dict().values()]).cpu()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("agent", AGENTS)
def test_30_captured_steps_over_two_shapes_train_as_uncaptured_ones_do(encoders, corpus, agent, precision):
    found = []
    for graphs in ("auto", "off"):
        run = new_run(corpus, encoders["bert"], agent, graphs, precision, encoder_dropout=0.0, head_dropout=0.0)
        assert run.agent.packed == (precision == "bfloat16")
        found.append(train(run))
        if graphs == "auto":
            assert not run.graphs.failed
            assert all(repeated._replay is not None for _, repeated in run.training_step._parts.values())
            assert len(run.training_step._parts) == 2 and run.training_step._update._replay is not None
    (losses, weights), (plain_losses, plain_weights) = found
    np.testing.assert_allclose(losses, plain_losses, rtol=TOLERANCE[precision])
    torch.testing.assert_close(weights, plain_weights, rtol=0, atol=TOLERANCE[precision])


@pytest.mark.parametrize("kind", ["roberta", "distilbert"])
def test_other_families_are_captured_too(encoders, corpus, kind):
    found = []
    for graphs in ("auto", "off"):
        run = new_run(corpus, encoders[kind], "share", graphs, encoder_dropout=0.0, head_dropout=0.0)
        found.append(train(run, 8)[0])
        assert graphs == "off" or not run.graphs.failed
    np.testing.assert_allclose(*found, rtol=TOLERANCE["bfloat16"])


@pytest.mark.parametrize("changes", [{"frozen_layers": 1}, {"pooling": "cls", "similarity": "none"}])
def test_frozen_states_and_a_short_last_layer_are_captured(encoders, corpus, changes):
    found = []
    for graphs in ("auto", "off"):
        run = new_run(corpus, encoders["bert"], "criteria", graphs, encoder_dropout=0.0, head_dropout=0.0, **changes)
        assert (run.train_frozen is not None) == ("frozen_layers" in changes)
        assert bool(run.agent.short_last_layers) == ("pooling" in changes)
        found.append(train(run, 12)[0])
        assert graphs == "off" or not run.graphs.failed
    np.testing.assert_allclose(*found, rtol=TOLERANCE["bfloat16"])


def test_captured_dropout_draws_the_numbers_of_the_same_steps_uncaptured(encoders, corpus):
    found = []
    for fails in (False, True):
        run = new_run(corpus, encoders["bert"], "share", "auto", encoder_dropout=0.3, head_dropout=0.3)
        run.graphs.failed = fails
        torch.manual_seed(1)
        found.append(train(run, 8)[0])
    np.testing.assert_allclose(*found, rtol=1e-3)


@pytest.mark.parametrize("agent", AGENTS)
def test_captured_evaluation_answers_as_uncaptured_evaluation_does(encoders, corpus, agent):
    run = new_run(corpus, encoders["bert"], agent, "auto", "float32")
    plain = answers_of(run.agent, run.validation_windows, Forward(run.agent, run.validation_tables, 8192, torch.float32))
    for _ in range(3):
        found = answers_of(run.agent, run.validation_windows, run.forward)
        if plain.probabilities_P is not None:
            np.testing.assert_allclose(found.probabilities_P, plain.probabilities_P, atol=1e-4)
        if plain.candidates is not None:
            assert len(found.candidates.pair) == len(plain.candidates.pair)
            np.testing.assert_allclose(np.sort(found.candidates.margin), np.sort(plain.candidates.margin), atol=1e-3)
    assert not run.graphs.failed and any(repeated._replay is not None for _, repeated in run.forward._parts.values())


@pytest.mark.parametrize("agent", AGENTS)
def test_the_same_seed_gives_the_same_trial_to_the_bit(encoders, corpus, agent):
    both = []
    for _ in range(2):
        run = new_run(corpus, encoders["bert"], agent, "auto")
        both.append([(epoch.losses, epoch.value) for epoch in run.epochs()])
    assert both[0] == both[1]


def test_a_trial_does_not_depend_on_what_its_worker_ran_before(encoders, corpus):
    figures = []
    for before in (0, 2):
        for seed in range(before):
            torch.manual_seed(seed)
            train(new_run(corpus, encoders["bert"], "joint", "auto"), 4)
        figures.append([epoch.losses for epoch in new_run(corpus, encoders["bert"], "share", "auto").epochs()])
    assert figures[0] == figures[1]


def test_memory_that_runs_out_in_a_capture_is_reported_as_such():
    device = torch.device("cuda", torch.cuda.current_device())
    graphs = CudaGraphs(device, "steps", "training.cuda_graphs")
    whole = torch.cuda.get_device_properties(device).total_memory
    sizes = [1024, 2 * whole]  # The first call is not captured.
    make = Repeated(lambda: torch.empty(sizes[0], dtype=torch.uint8, device=device), graphs)
    with graphs.on_stream():
        make()
        sizes.reverse()
        with pytest.raises(RuntimeError) as raised:
            make()
    assert is_out_of_memory(raised.value) and not graphs.failed
    assert torch.ones(1, device=device).item() == 1
    assert 0 <= torch.rand(1, device=device).item() < 1, "the generator draws outside of a capture again"


def test_steps_run_on_after_a_capture_that_fails(encoders, corpus, caplog):
    run = new_run(corpus, encoders["bert"], "criteria", "auto", encoder_dropout=0.1)
    expected = train(new_run(corpus, encoders["bert"], "criteria", "off", encoder_dropout=0.1), 6)[0]
    add = run.training_step._step.add_gradients

    def reads_a_value(*args):
        loss = add(*args)
        if torch.cuda.is_current_stream_capturing():
            loss.item()
        return loss

    run.training_step._step.add_gradients = reads_a_value
    with caplog.at_level(logging.WARNING):
        losses = train(run, 6)[0]
    assert run.graphs.failed and "steps run without CUDA graphs" in caplog.text
    assert np.isfinite(losses).all() and losses[0] == pytest.approx(expected[0], rel=0.2)


def test_an_ended_trial_leaves_no_memory_behind(encoders, corpus):
    used = []
    gc.disable()
    try:
        for _ in range(3):
            run = new_run(corpus, encoders["bert"], "share", "auto")
            train(run, 6)
            del run
            torch.cuda.synchronize()
            used.append(torch.cuda.memory_allocated())
    finally:
        gc.enable()
    assert used[2] <= used[1] + 2**20
