"""Captured steps train and answer as plain ones do, on a CPU's stand-in for CUDA graphs, which repeats operators without Python."""

import gc
import weakref

import numpy as np
import pytest
import torch
from support.tiny_agents import parameters
from support.training.recorded_graphs import RecordedGraphs

from psy_agents.agents.encoders.fixed_row import FixedRow
from psy_agents.agents.registry import AGENTS, new_agent
from psy_agents.training.config import TrainingSettings
from psy_agents.training.optimisation import LearningRates, optimiser
from psy_agents.training.scoring import answers_of
from psy_agents.training.step.captured_step import CapturedStep
from psy_agents.training.step.forward import CapturedForward, Forward
from psy_agents.training.trainer import TrainingData, TrainingRun

STEPS = 30


def start(encoders, corpus, agent, captured, packing=False, **changes):
    """A run whose step is captured by the stand-in, or not. A large epsilon keeps AdamW from enlarging rounding errors."""
    settings = TrainingSettings(precision="float32", packing=packing)
    config = parameters(encoders["bert"], **{"encoder_dropout": 0.0, "head_dropout": 0.0, "batch_size": 4, "adam_epsilon": 1e-3} | changes)
    run = TrainingRun(agent, config, settings, TrainingData(corpus, agent, settings), seed=5, epochs=9, patience=9, device="cpu")
    run.graphs = RecordedGraphs() if captured else None
    if captured:
        run.optimiser = optimiser(run.agent, config)
        run.learning_rates = LearningRates(run.optimiser, as_tensor=True)
        run.training_step.optimiser = run.optimiser
        run.training_step = CapturedStep(run.training_step, config.batch_size, run.graphs)
        run.forward = CapturedForward(run.forward, run.graphs, int(run.validation_tables.lengths.max()))
    return run


def two_shapes(run):
    """Micro-batches of short windows and of pairs with several windows, in turn."""
    counts = np.bincount(run.train_windows.pair)
    single = np.flatnonzero(counts == 1)
    single = single[np.argsort(run.lengths[single], kind="stable")]
    short = single[-4:], single[-4:-1]  # One of fewer pairs, in the same bucket.
    several = np.flatnonzero(counts == counts.max())[:3], np.flatnonzero(counts == counts.max())[-3:]
    return [[short[i % 2], several[i // 2 % 2]] if i % 3 else [several[0], short[1]] for i in range(STEPS)]


def train(run, steps=STEPS):
    run.agent.train()
    losses = []
    for number, batches in enumerate(two_shapes(run)[:steps]):
        run.learning_rates.scale(1 - number / STEPS)
        losses.append(run.training_step(batches).item())
    return losses


@pytest.mark.parametrize(("agent", "frozen_layers"), [*((agent, 0) for agent in AGENTS), ("share", 1)])
def test_30_captured_steps_over_two_shapes_train_as_plain_ones_do(encoders, corpus, agent, frozen_layers):
    runs = [start(encoders, corpus, agent, captured, frozen_layers=frozen_layers, max_grad_norm=0.5) for captured in (False, True)]
    plain, captured = (train(run) for run in runs)
    graphs = runs[1].graphs
    assert graphs.captured == 3, "two shapes and the update"
    assert graphs.replayed == 3 * (STEPS - 1), "each ran once as it is"
    np.testing.assert_allclose(captured, plain, rtol=1e-4)
    assert np.ptp(plain) > 0.1
    weights = [torch.cat([value.flatten() for value in run.agent.state_dict().values()]) for run in runs]
    torch.testing.assert_close(*weights, rtol=0, atol=1e-4)
    moved = weights[0] - torch.cat([v.flatten() for v in start(encoders, corpus, agent, False).agent.state_dict().values()])
    assert moved.abs().max() > 0.02
    steps = {float(state["step"]) for state in runs[1].optimiser.state.values()}
    assert steps == {float(STEPS)}
    assert all(not p.grad.any() for p in runs[1].agent.parameters() if p.requires_grad)


@pytest.mark.parametrize(("agent", "changes"), [
    ("share", {}), ("joint", {"frozen_layers": 1}), ("criteria", {"pooling": "cls", "similarity": "none"}),
])  # fmt: skip
def test_captured_steps_and_evaluation_of_packed_rows_are_plain_ones(encoders, corpus, agent, changes, attention_by_mask, monkeypatch):
    runs = [start(encoders, corpus, agent, captured, packing=True, **changes) for captured in (False, True)]
    assert all(run.agent.packed and bool(run.agent.short_last_layers) == ("pooling" in changes) for run in runs)
    plain = train(runs[0], 12)
    monkeypatch.setattr(FixedRow, "lengths", property(lambda _: pytest.fail("a captured step reads lengths from the device")))
    np.testing.assert_allclose(train(runs[1], 12), plain, rtol=1e-4)
    of_steps = runs[1].graphs.captured
    assert of_steps >= 3
    expected = answers_of(runs[0].agent, runs[0].validation_windows, runs[0].forward)
    for _ in range(2):
        found = answers_of(runs[1].agent, runs[1].validation_windows, runs[1].forward)
        np.testing.assert_allclose(found.probabilities_P, expected.probabilities_P, atol=1e-3)
    assert runs[1].graphs.captured > of_steps


def test_dropout_of_a_captured_step_is_that_of_the_step_as_it_is(encoders, corpus):
    """The stand-in captures from the second call on; one that never captures runs the same function each time."""
    losses = []
    for fails in (False, True):
        run = start(encoders, corpus, "share", True, encoder_dropout=0.2, head_dropout=0.2)
        run.graphs.failed = fails
        torch.manual_seed(1)
        losses.append(train(run, 8))
        assert run.graphs.captured == (0 if fails else 3)
    np.testing.assert_allclose(*losses, rtol=1e-5)


def by_place(candidates):
    """Margins of candidates, by where they are; batches may have another order."""
    places = zip(candidates.pair, candidates.start, candidates.end, candidates.tokens, candidates.sentence, strict=True)
    return dict(zip(((*map(int, place),) for place in places), candidates.margin, strict=True))


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize("agent", AGENTS)
def test_captured_evaluation_answers_as_plain_evaluation_does(encoders, corpus, agent, packing):
    run = start(encoders, corpus, agent, False, packing=packing)
    assert run.agent.packed == packing
    graphs = RecordedGraphs()
    graphs.failed = packing  # A CPU's packed attention runs window by window, by lengths that a capture would keep.
    forward = Forward(run.agent, run.validation_tables, 512, torch.float32)
    captured = CapturedForward(forward, graphs, int(run.validation_tables.lengths.max()))
    expected = answers_of(run.agent, run.validation_windows, forward)
    for _ in range(2):
        found = answers_of(run.agent, run.validation_windows, captured)
        if expected.probabilities_P is not None:
            np.testing.assert_allclose(found.probabilities_P, expected.probabilities_P, atol=1e-5)
        if expected.candidates is not None:
            ours, theirs = (by_place(answers.candidates) for answers in (found, expected))
            assert ours.keys() == theirs.keys()
            np.testing.assert_allclose(list(ours.values()), [theirs[place] for place in ours], atol=1e-4)
    assert packing or graphs.replayed > graphs.captured > 0


def test_whole_epochs_with_captured_steps_and_evaluation_give_the_figures_of_plain_ones(encoders, corpus):
    both = []
    for captured in (False, True):
        run = start(encoders, corpus, "joint", captured, gradient_accumulation_steps=2)
        both.append([(epoch.losses, epoch.value) for epoch, _ in zip(run.epochs(), range(2), strict=False)])
    for (losses, value), (plain_losses, plain_value) in zip(*reversed(both), strict=True):
        np.testing.assert_allclose(losses, plain_losses, rtol=2e-3)
        assert value == pytest.approx(plain_value, abs=0.02)


def test_weight_decay_leaves_weights_alone_that_the_agent_does_not_use(encoders, corpus, monkeypatch):
    """Some encoders have such weights. The plain step gives them no gradient, so AdamW skips them."""

    def with_unused(*args):
        agent = new_agent(*args)
        agent.register_parameter("unused", torch.nn.Parameter(torch.ones(2, 2)))
        return agent

    monkeypatch.setattr("psy_agents.training.trainer.new_agent", with_unused)
    for captured in (False, True):
        run = start(encoders, corpus, "criteria", captured, weight_decay=0.3)
        train(run, 4)
        assert (run.agent.unused == 1).all() and run.agent.unused not in run.optimiser.state
        assert all(weight in run.optimiser.state for weight in run.agent.encoders[0].parameters())


def test_steps_run_as_they_are_once_a_capture_has_failed(encoders, corpus):
    run, plain = start(encoders, corpus, "criteria", True), start(encoders, corpus, "criteria", False)
    run.graphs.error = RuntimeError("operation not permitted when stream is capturing")
    np.testing.assert_allclose(train(run, 6), train(plain, 6), rtol=1e-4)
    assert run.graphs.failed and run.graphs.captured == 0


def test_an_ended_trial_leaves_its_graphs_to_no_cycle(encoders, corpus):
    """Memory of a GPU must be free when the next trial starts, not when Python next collects cycles."""
    run = start(encoders, corpus, "criteria", True)
    gc.disable()
    try:
        train(run, 6)
        answers_of(run.agent, run.validation_windows, run.forward)
        graphs = [weakref.ref(graph) for part in (run.training_step, run.forward) for _, graph in part._parts.values()]
        del run
        assert len(graphs) > 2 and all(graph() is None for graph in graphs)
    finally:
        gc.enable()


def test_memory_that_runs_out_in_a_capture_ends_the_step(encoders, corpus):
    run = start(encoders, corpus, "criteria", True)
    run.graphs.error = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError):
        train(run)
    assert not run.graphs.failed
