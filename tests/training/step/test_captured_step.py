"""A trial whose steps and evaluation are captured, by a CPU's stand-in for CUDA graphs. Steps by agent and encoder: tests/gpu."""

import gc
import weakref

import numpy as np
import pytest
import torch
from support.training.captured_runs import NO_DROPOUT, capture_on_cpu, new_run, train

from psy_agents.agents.registry import new_agent
from psy_agents.training.scoring import answers_of


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    capture_on_cpu(monkeypatch)


def start(encoders, corpus, agent, graphs="auto", **changes):
    return new_run(corpus, encoders["bert"], agent, graphs, "cpu", False, **NO_DROPOUT | changes)


def test_whole_epochs_with_captured_steps_and_evaluation_give_the_figures_of_plain_ones(encoders, corpus):
    both = []
    for graphs in ("off", "auto"):
        run = start(encoders, corpus, "joint", graphs, gradient_accumulation_steps=2)
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
    for graphs in ("off", "auto"):
        run = start(encoders, corpus, "criteria", graphs, weight_decay=0.3)
        train(run, 4)
        assert (run.agent.unused == 1).all() and run.agent.unused not in run.optimiser.state
        assert all(weight in run.optimiser.state for weight in run.agent.encoders[0].parameters())


def test_an_ended_trial_leaves_its_graphs_to_no_cycle(encoders, corpus):
    """Memory of a GPU must be free when the next trial starts, not when Python next collects cycles."""
    run = start(encoders, corpus, "criteria")
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
    run = start(encoders, corpus, "criteria")
    run.graphs.error = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError):
        train(run)
    assert not run.graphs.failed
