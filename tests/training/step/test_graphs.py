"""What CUDA graphs do around a capture that fails, with stand-ins for CUDA's own parts."""

import gc
import logging
import pickle
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from psy_agents.training.step.graphs import CudaGraphs


@pytest.fixture
def graphs(monkeypatch):
    """Graphs without a GPU, and the numbers of the generators that were replaced."""
    replaced = []
    generator = SimpleNamespace(clone_state=lambda: "copy", graphsafe_set_state=replaced.append)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: SimpleNamespace(device_index=0))
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", object)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "default_generators", [generator])
    monkeypatch.setattr(torch.cuda, "graph", leaving_raises_too)
    monkeypatch.setattr(CudaGraphs, "_failed_kinds", set())
    return CudaGraphs(torch.device("cpu"), "predictions", "cuda_graphs"), replaced


@contextmanager
def leaving_raises_too(graph, pool, stream):
    try:
        yield
    finally:
        raise torch.AcceleratorError("capture was invalidated")


def fail(error):
    raise error


def test_a_capture_that_fails_is_one_line_of_the_log(graphs, caplog):
    made, replaced = graphs
    with caplog.at_level(logging.WARNING):
        assert made.capture(lambda: fail(RuntimeError("not permitted\nwhen capturing"))) is None
    assert caplog.messages == ["predictions run without CUDA graphs (cuda_graphs): a capture failed, RuntimeError: not permitted"]
    assert made.failed and replaced == ["copy"] and gc.isenabled()


def test_a_capture_that_runs_out_of_memory_is_no_failed_capture(graphs, caplog):
    made, replaced = graphs
    with pytest.raises(torch.AcceleratorError):
        made.capture(lambda: fail(torch.OutOfMemoryError("CUDA out of memory")))
    assert not made.failed and not caplog.messages and replaced == ["copy"] and gc.isenabled()


def test_a_copy_has_memory_of_its_own(graphs):
    made, _ = graphs
    copy = pickle.loads(pickle.dumps(made))
    assert type(copy) is CudaGraphs and copy._pool is not made._pool


def test_what_failed_once_is_not_captured_again_in_its_process(graphs, caplog):
    def of_trial(kind):
        return CudaGraphs(torch.device("cpu"), "steps", "training.cuda_graphs", kind)

    first = of_trial("bert")
    with pytest.raises(torch.AcceleratorError):
        first.capture(lambda: fail(torch.OutOfMemoryError("CUDA out of memory")))
    assert not of_trial("bert").failed
    assert first.capture(lambda: fail(RuntimeError("not permitted"))) is None
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert of_trial("bert").failed and not of_trial("roberta").failed and not of_trial(None).failed
    assert caplog.messages == ["steps run without CUDA graphs: in this process a capture of bert has failed before"]
