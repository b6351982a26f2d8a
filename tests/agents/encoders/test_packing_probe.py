"""An encoder is packed only where packed windows give what padded ones give; a wrong attention is found out."""

import logging
from pathlib import Path

import pytest
import torch
from support.tiny_agents import ENCODERS, PACKABLE

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders import packing, packing_probe
from psy_agents.agents.encoders.loading import load_encoder
from psy_agents.agents.encoders.packing_probe import why_not_packed
from psy_agents.agents.registry import new_agent

CPU = torch.device("cpu")
PRECISIONS = [torch.float32, torch.bfloat16]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", ENCODERS)
def test_an_encoder_is_packed_where_its_attention_can_be_replaced(encoders, kind, precision):
    encoder = load_encoder(Path(encoders[kind]), 0.0)
    assert (why_not_packed(encoder, CPU, precision) is None) == (kind in PACKABLE)


@pytest.mark.parametrize("kind", PACKABLE)
def test_attention_that_looks_across_windows_is_found_out(encoders, kind, monkeypatch):
    def across(query, key, value, *_):
        return torch.nn.functional.scaled_dot_product_attention(query, key, value)

    for name in ("attend_per_window", "attend_window_by_window"):
        monkeypatch.setattr(packing_probe, name, across)
    assert why_not_packed(load_encoder(Path(encoders[kind]), 0.0), CPU, torch.float32)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("further", [-1, 1, 100])
def test_a_sliding_window_that_the_kernel_takes_for_another_is_found_out(encoders, monkeypatch, precision, further):
    band = packing.Packing.band

    def of_another(self, length, reach):
        return band(self, length, packing.Reach(*(distance and distance + further for distance in reach)))

    monkeypatch.setattr(packing.Packing, "band", of_another)
    refusal = why_not_packed(load_encoder(Path(encoders["modernbert"]), 0.0), CPU, precision)
    assert refusal == "packed attention on cpu does not keep to its causal or sliding window"


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("further", [-1, 1])
def test_layers_that_name_another_sliding_window_are_found_out(encoders, precision, further):
    encoder = load_encoder(Path(encoders["modernbert"]), 0.0)
    encoder.layers[1].attn.sliding_window += further  # The padded windows' mask is made from the configuration.
    assert why_not_packed(encoder, CPU, precision) == "its sliding window is not the one that its layers name"


def test_a_torch_without_sliding_windows_on_a_gpu_is_reported_once(encoders, monkeypatch, caplog):
    monkeypatch.setattr(packing_probe, "has_sliding_windows", lambda device: False)
    agent = new_agent("joint", ModelConfig(), Path(encoders["modernbert"]))
    with caplog.at_level(logging.INFO, logger="psy_agents"):
        agent.enable_packing(CPU, torch.bfloat16)
    assert not agent.packed
    (line,) = [record.getMessage() for record in caplog.records]
    reason = f"torch {torch.__version__} has no causal or sliding windows in its attention for windows of different lengths"
    assert line == f"modernbert reads padded windows: {reason}"
