"""Windows one after another give what padded ones give: states, gradients, and with frozen layers left out."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.tiny_agents import PACKABLE, any_windows
from support.training.tiny_decoders import DECODERS
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import varlen

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders.loading import load_encoder
from psy_agents.agents.encoders.packing import (
    ALL,
    Packing,
    Reach,
    _attend_on_gpu,
    attend_per_window,
    packed_attention,
    packed_attention_in,
    packed_inputs,
)
from psy_agents.agents.registry import AGENTS, new_agent

CPU = torch.device("cpu")


@pytest.mark.parametrize("frozen_layers", [0, 1])
@pytest.mark.parametrize("kind", PACKABLE)
@pytest.mark.parametrize("name", AGENTS)
def test_an_agents_answers_and_gradients_are_those_of_padded_windows(encoders, kind, name, frozen_layers):
    assert_packed_equals_padded(encoders[kind], name, any_windows(), frozen_layers=frozen_layers)


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("kind", DECODERS)
def test_a_decoders_are_too_also_where_windows_are_longer_than_twice_a_sliding_window(encoders, kind, attention):
    assert_packed_equals_padded(encoders[kind], "share", any_windows((40, 5, 23)), atol=2e-3, attention=attention, pooling="last")


def assert_packed_equals_padded(encoder, name, windows, frozen_layers=0, atol=1e-4, **options):
    torch.manual_seed(0)
    config = ModelConfig(encoder_dropout=0.0, head_dropout=0.0, frozen_layers=frozen_layers, **options)
    agent = new_agent(name, config, Path(encoder))
    found = []
    for is_packed in (False, True):
        if is_packed:
            agent.enable_packing(CPU, torch.float32)
            assert agent.packed
        agent.zero_grad()
        given = windows
        if frozen_layers:
            given = replace(given, frozen_BTH=agent.frozen_states(given).detach())
        output = agent.train()(given)
        answers = [x[torch.isfinite(x)] for x in (output.criterion_B, output.start_BT, output.end_BT) if x is not None]
        sum((x * torch.arange(1, len(x) + 1)).sum() for x in answers).backward()
        found.append((answers, [p.grad.clone() for p in agent.parameters() if p.grad is not None]))
    for one, other in zip(*found, strict=True):
        assert one
        torch.testing.assert_close(one, other, rtol=1e-3, atol=atol)


def test_a_windows_states_do_not_depend_on_its_neighbours(encoders):
    encoder = load_encoder(Path(encoders["bert"]), 0.0).eval()

    def states(lengths):
        given = any_windows(lengths)
        ids_BT = given.ids_BT.clone()
        ids_BT[0, : lengths[0]] = torch.arange(5, 5 + lengths[0])
        with torch.no_grad(), packed_attention_in(encoder, given.packing):
            return given.packing.unpack(encoder(**packed_inputs(encoder, given.packing, ids_BT, None)).last_hidden_state)[0, : lengths[0]]

    torch.testing.assert_close(states((6, 12)), states((6, 3, 8)))


@pytest.mark.parametrize("name", ["criteria", "share"])
def test_texts_longer_than_twice_a_sliding_window_teach_what_padded_ones_do(encoders, name):
    """The tiny ModernBERT attends to 8 tokens on either side in its second layer."""
    torch.manual_seed(0)
    agent = new_agent(name, ModelConfig(encoder_dropout=0.0, head_dropout=0.0), Path(encoders["modernbert"]))
    given, found = any_windows((60, 41, 9)), []
    for is_packed in (False, True):
        agent.packed = is_packed
        agent.zero_grad()
        output = agent(given)
        answers = [x[torch.isfinite(x)] for x in (output.criterion_B, output.start_BT, output.end_BT) if x is not None]
        sum((x * torch.arange(1, len(x) + 1)).sum() for x in answers).backward()
        found.append((answers, [p.grad.clone() for p in agent.parameters() if p.grad is not None]))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("reach", "attended"),
    [
        (Reach(2, 2), [[0, 1, 2], [2, 3, 4, 5, 6], [6, 7, 8], [9, 10]]),
        (Reach(None, 0), [[0], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8], [9]]),
        (Reach(2, 0), [[0], [2, 3, 4], [6, 7, 8], [9]]),
    ],
)
def test_a_token_attends_to_its_window_within_reach_alone(dtype, reach, attended):
    packing = Packing((9, 2), 9, CPU)
    value = torch.eye(11, dtype=dtype).reshape(1, 1, 11, 11)
    equal = torch.zeros_like(value)  # Products of zeros weigh all tokens alike.
    weights = attend_per_window(equal, equal, value, 1.0, packing, packing, reach)[0, 0]
    assert [row.nonzero().flatten().tolist() for row in weights[[0, 4, 8, 9]]] == attended


def test_variable_length_attention_gets_the_reach_on_either_side(monkeypatch):
    """Fake tensors: the operator checks its arguments without a GPU."""
    given, attend = [], varlen.varlen_attn
    monkeypatch.setattr(varlen, "varlen_attn", lambda *args, **kwargs: given.append(kwargs) or attend(*args, **kwargs))
    for reach in (ALL, Reach(2, 2), Reach(None, 0)):
        with FakeTensorMode():
            packing = Packing((9, 2), 9, CPU)
            states = torch.empty(1, 2, 11, 8, dtype=torch.bfloat16)
            shared = states if reach == ALL else states[:, :1]  # By both heads of the queries.
            assert _attend_on_gpu(states, shared, shared, 1.0, packing, packing, reach).shape == states.shape
    grouped = {"scale": 1.0, "enable_gqa": True}
    assert given == [{"scale": 1.0}, grouped | {"window_size": (2, 2)}, grouped | {"window_size": (-1, 0)}]


def test_packing_and_back_keeps_every_token_and_fills_with_zeros():
    packing = Packing((2, 3), 4, CPU)
    padded = torch.arange(1.0, 17).reshape(2, 4, 2)
    there = packing.pack(padded)
    assert there.shape == (1, 5, 2)
    back = packing.unpack(there)
    torch.testing.assert_close(back[0, :2], padded[0, :2])
    torch.testing.assert_close(back[1, :3], padded[1, :3])
    assert not back[0, 2:].any() and not back[1, 3:].any()
    assert packing.positions_N.tolist() == [0, 1, 0, 1, 2]
    assert packing.cu_seqlens.tolist() == [0, 2, 5]


def test_an_encoder_is_what_it_was_after_packing(encoders):
    encoder = load_encoder(Path(encoders["bert"]), 0.0)
    before = encoder.config._attn_implementation
    with pytest.raises(ZeroDivisionError), packed_attention_in(encoder, Packing((2,), 2, CPU)):
        assert encoder.config._attn_implementation != before
        raise ZeroDivisionError
    assert encoder.config._attn_implementation == before


def test_attention_that_is_not_whole_is_refused(encoders):
    states = torch.zeros(1, 2, 4, 8)
    with pytest.raises(NotImplementedError):
        packed_attention(None, states, states, states, None, dropout=0.1)
    with packed_attention_in(load_encoder(Path(encoders["bert"]), 0.0), Packing((4,), 4, CPU)), pytest.raises(NotImplementedError):
        packed_attention(None, states, states, states, None, softcap=50.0)  # Gemma 2's.
