"""What a CUDA graph cannot hold is seen without a GPU; the encoders' forward passes have nothing of it."""

from pathlib import Path

import pytest
import torch
from support.tiny_agents import ENCODERS, PACKABLE
from support.training.tiny_decoders import DECODERS
from transformers import AutoConfig, AutoModel

from psy_agents.agents.encoders.capturing import COPYING, WAITING, why_not_captured
from psy_agents.agents.encoders.frozen_layers import FrozenLayers
from psy_agents.agents.encoders.loading import layers_of, load_encoder
from psy_agents.agents.encoders.relative_positions import use_relative_position_table


@pytest.mark.parametrize("kind", [*ENCODERS, *DECODERS])
def test_no_forward_pass_waits_for_the_gpu_or_copies_to_it(encoders, kind):
    encoder = load_encoder(Path(encoders[kind]), 0.1).train()
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    assert why_not_captured(encoder, packed=False) is None
    if kind in (*PACKABLE, *DECODERS):
        assert why_not_captured(encoder, packed=True) is None
    FrozenLayers(encoder, 1)
    assert why_not_captured(encoder, packed=False) is None
    for name, weight in encoder.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)


def test_the_convolution_of_debertas_largest_models_has_nothing_of_it(encoders):
    config = AutoConfig.from_pretrained(encoders["deberta-v2"])
    config.conv_kernel_size, config.conv_act = 3, "gelu"
    encoder = AutoModel.from_config(config)
    assert encoder.encoder.conv is not None
    use_relative_position_table(encoder)
    assert why_not_captured(encoder, packed=False) is None


def test_debertas_own_relative_positions_are_copied_from_the_cpu(encoders):
    encoder = AutoModel.from_config(AutoConfig.from_pretrained(encoders["deberta-v2"]))
    assert COPYING in why_not_captured(encoder, packed=False)


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (lambda states: states * states.sum().item(), WAITING),
        (lambda states: states[states > 0], WAITING),
        (lambda states: states if (states > 0).any() else -states, WAITING),
        (lambda states: states.nonzero(), WAITING),
        (lambda states: states + torch.ones(3).to(states.device).sum(), COPYING),
        (lambda states: states.cpu().to(states.device), COPYING),
        (lambda states: states[:, torch.arange(2)], COPYING),
    ],
)
def test_what_waits_or_copies_is_named(encoders, work, reason):
    encoder = load_encoder(Path(encoders["bert"]), 0.1)
    layer = layers_of(encoder)[0]
    forward = layer.forward
    layer.forward = lambda states, *args, **kwargs: work(forward(states, *args, **kwargs))
    for packed in (False, True):
        assert reason in why_not_captured(encoder, packed)


def test_torch_warns_of_captured_streams_afterwards_as_before(encoders):
    before = torch.cuda.is_current_stream_capturing
    why_not_captured(load_encoder(Path(encoders["bert"]), 0.1), packed=False)
    assert torch.cuda.is_current_stream_capturing is before
