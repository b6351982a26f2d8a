"""What only a GPU shows. Tests of captured steps also run on a CPU, with a stand-in for CUDA graphs: so they are known to run."""

from __future__ import annotations

import os

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # As in a worker, before CUDA starts.

import pytest
import torch
from support import tiny_agents
from support.training import tiny_decoders
from support.training.attention import attention_by_mask
from support.training.captured_runs import capture_on_cpu

from psy_agents.training.step.graphs import CudaGraphs

__all__ = ["attention_by_mask"]


@pytest.fixture
def cuda(monkeypatch):
    """The device, on which no capture has failed before; without one the test is skipped."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    monkeypatch.setattr(CudaGraphs, "_failed_kinds", set())
    return "cuda"


@pytest.fixture(params=["cuda", "stand-in"])
def device(request, monkeypatch):
    """A CUDA device, or without one a CPU on which training runs are captured by the stand-in for graphs."""
    if request.param == "cuda":
        return request.getfixturevalue("cuda")
    if torch.cuda.is_available():
        pytest.skip("the device runs this test itself")
    request.getfixturevalue("attention_by_mask")
    capture_on_cpu(monkeypatch)
    return "cpu"


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of tiny encoders by family."""
    root = tmp_path_factory.mktemp("encoders")
    folders = {kind: tiny_agents.build_encoder(kind, root / kind) for kind in tiny_agents.ENCODERS}
    return folders | {kind: tiny_decoders.build_decoder(kind, root / kind, tiny_agents.SENTENCES) for kind in tiny_decoders.DECODERS}


@pytest.fixture(scope="session")
def corpus():
    return tiny_agents.build_corpus()
