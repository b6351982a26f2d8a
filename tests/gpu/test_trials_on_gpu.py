"""A trial on a GPU leaves nothing to the next one: the same seed gives the same trial. Memory that runs out is reported as such."""

import gc

import pytest
import torch
from support import tiny_agents

from psy_agents.agents.registry import AGENTS
from psy_agents.training.config import TrainingSettings
from psy_agents.training.step.graphs import CudaGraphs, Repeated
from psy_agents.training.step.memory import is_out_of_memory
from psy_agents.training.trainer import TrainingData, TrainingRun


@pytest.fixture
def new_run(encoders, corpus, cuda):
    """Makes a trial of an agent."""

    def make(agent):
        settings = TrainingSettings(precision="bfloat16")
        data, config = TrainingData(corpus, agent, settings), tiny_agents.parameters(encoders["bert"], batch_size=4)
        return TrainingRun(agent, config, settings, data, seed=3, epochs=3, patience=9, device=cuda)

    return make


def figures(run):
    return [(epoch.losses, epoch.value) for epoch in run.epochs()]


@pytest.mark.parametrize("agent", AGENTS)
def test_the_same_seed_gives_the_same_trial_to_the_bit(new_run, agent):
    assert figures(new_run(agent)) == figures(new_run(agent))


def test_a_trial_does_not_depend_on_what_its_worker_ran_before(new_run):
    alone = figures(new_run("share"))
    torch.manual_seed(1)
    figures(new_run("joint"))
    assert figures(new_run("share")) == alone


def test_an_ended_trial_leaves_no_memory_behind(new_run):
    used = []
    gc.disable()
    try:
        for _ in range(3):
            run = new_run("share")
            next(run.epochs())
            del run
            torch.cuda.synchronize()
            used.append(torch.cuda.memory_allocated())
    finally:
        gc.enable()
    assert used[2] <= used[1] + 2**20


def test_memory_that_runs_out_in_a_capture_is_reported_as_such(cuda):
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
