"""Frozen layers run once and left out give what the whole encoder gives, for every family."""

from pathlib import Path

import pytest
import torch
from support.tiny_agents import ENCODERS
from torch import nn

from psy_agents.agents.encoders.frozen_layers import FrozenLayers
from psy_agents.agents.encoders.loading import freeze_lowest, layers_of, load_encoder

MASK = torch.tensor([[1] * 12, [1] * 7 + [0] * 5])
INPUTS = {"input_ids": torch.arange(24).reshape(2, 12) % 20 + 5, "attention_mask": MASK}


def real(states_BTH):
    return states_BTH[MASK.bool()]


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("kind", ENCODERS)
def test_continuing_from_the_frozen_states_is_the_whole_forward_pass(encoders, kind, depth):
    encoder = load_encoder(Path(encoders[kind]), 0.0).eval()
    with torch.no_grad():
        whole = encoder(**INPUTS).last_hidden_state
        frozen = FrozenLayers(encoder, depth)
        assert frozen.can_be_skipped(INPUTS)
        states = frozen.run(INPUTS)
        torch.testing.assert_close(real(encoder(**INPUTS).last_hidden_state), real(whole))
        with frozen.skipped(states):
            torch.testing.assert_close(real(encoder(**INPUTS).last_hidden_state), real(whole))
        with frozen.skipped(states.flip(-1)):
            assert not torch.allclose(real(encoder(**INPUTS).last_hidden_state), real(whole), atol=1e-3)


def test_frozen_states_can_be_made_from_those_of_fewer_layers(encoders):
    encoder = load_encoder(Path(encoders["bert"]), 0.0).eval()
    with torch.no_grad():
        below = FrozenLayers(encoder, 1).run(INPUTS)
        frozen = FrozenLayers(encoder, 2)
        whole = frozen.run(INPUTS)
        ran = []
        layers_of(encoder)[0].attention.register_forward_hook(lambda *_: ran.append(0))
        torch.testing.assert_close(real(frozen.run(INPUTS, (1, below))), real(whole))
        assert not ran


def test_an_encoder_that_works_between_its_layers_is_found_out(encoders):
    encoder = load_encoder(Path(encoders["bert"]), 0.0).eval()
    first, second = layers_of(encoder)
    inside = []
    encoder.register_forward_pre_hook(lambda *_: inside.clear())
    first.attention.register_forward_hook(lambda _module, _inputs, output: inside.append(output[0]))
    # As DeBERTa-v2's convolution does: what follows a layer reads more than the layer's output.
    second.register_forward_hook(lambda _module, _inputs, output: output + sum(inside))
    with torch.no_grad():
        assert not FrozenLayers(encoder, 1).can_be_skipped(INPUTS)


def test_frozen_parts_have_no_dropout_and_trained_ones_do(encoders):
    encoder = load_encoder(Path(encoders["bert"]), 0.3)
    freeze_lowest(encoder, 1)
    encoder.train()
    FrozenLayers(encoder, 1).set_eval_mode()
    first, second = layers_of(encoder)
    assert {m.training for m in first.modules()} == {m.training for m in encoder.embeddings.modules()} == {False}
    assert all(m.training for m in second.modules() if isinstance(m, nn.Dropout))
