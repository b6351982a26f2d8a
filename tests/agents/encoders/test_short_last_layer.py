"""The last layer, run for first tokens alone where they alone are read: the same answers and gradients, for less work."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.tiny_agents import SHORTENABLE, any_windows
from torch.utils.flop_counter import FlopCounterMode

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders.loading import layers_of, load_encoder
from psy_agents.agents.encoders.short_last_layer import shorten_last_layer
from psy_agents.agents.registry import new_agent

CPU = torch.device("cpu")


def agents(encoders, name, kind="bert", **changes):
    """The same agent twice, both packed, the second with its last layer shortened where it may be."""
    config = ModelConfig(**{"encoder_dropout": 0.0, "head_dropout": 0.0, "pooling": "cls", "similarity": "none"} | changes)
    made = []
    for short in (False, True):
        torch.manual_seed(0)
        agent = new_agent(name, config, Path(encoders[kind])).train()
        agent.enable_packing(CPU, torch.float32)
        if short:
            agent.enable_short_last_layer(CPU, torch.float32)
        made.append(agent)
    return made


def learned(agent):
    """Answers and gradients of a step, and the floating-point operations it took."""
    given = any_windows()
    if agent.config.frozen_layers:
        given = replace(given, frozen_BTH=agent.frozen_states(given).detach())
    with FlopCounterMode(display=False) as counted:
        output = agent(given)
        answers = [x[torch.isfinite(x)] for x in (output.criterion_B, output.start_BT, output.end_BT) if x is not None]
        sum((x * torch.arange(1, len(x) + 1)).sum() for x in answers).backward()
    return answers, {n: p.grad for n, p in agent.named_parameters() if p.grad is not None}, counted.get_total_flops()


@pytest.mark.parametrize("frozen_layers", [0, 1])
@pytest.mark.parametrize("kind", SHORTENABLE)
@pytest.mark.parametrize("name", ["criteria", "joint"])
def test_answers_and_gradients_are_those_of_the_whole_layer(encoders, name, kind, frozen_layers):
    whole, short = agents(encoders, name, kind, frozen_layers=frozen_layers)
    assert len(short.short_last_layers) == 1 and not whole.short_last_layers
    wanted, found = learned(whole), learned(short)
    for one, other in zip(wanted[0], found[0], strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)
    assert found[1].keys() == wanted[1].keys()
    for name_of_weight, gradient in wanted[1].items():
        torch.testing.assert_close(found[1][name_of_weight], gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("frozen_layers", "share"), [(0, 0.75), (1, 0.5)])  # of two layers
def test_it_is_less_work(encoders, frozen_layers, share):
    whole, short = agents(encoders, "criteria", frozen_layers=frozen_layers)
    assert learned(short)[2] < share * learned(whole)[2]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("criteria", {"pooling": "mean"}),
        ("criteria", {"similarity": "cosine"}),
        ("criteria", {"frozen_layers": 2}),
        ("evidence", {}),
        ("share", {}),
        ("joint", {"similarity": "cosine"}),
    ],
)
def test_where_other_states_are_read_the_layer_is_whole(encoders, name, changes):
    _, agent = agents(encoders, name, **changes)
    assert not agent.short_last_layers


def test_padded_windows_are_read_whole(encoders):
    agent = new_agent("criteria", ModelConfig(pooling="cls", similarity="none"), Path(encoders["deberta-v2"]))
    agent.enable_packing(CPU, torch.float32)
    agent.enable_short_last_layer(CPU, torch.float32)
    assert not agent.packed and not agent.short_last_layers


def test_a_layer_that_goes_by_all_tokens_stays_as_it_was(encoders):
    encoder = load_encoder(Path(encoders["bert"]), 0.0)
    layer = layers_of(encoder)[-1]
    attend = layer.attention.forward

    def against_the_mean(states, *args, **kwargs):
        return attend(states - states.mean(1, keepdim=True), *args, **kwargs)

    layer.attention.forward = against_the_mean
    assert shorten_last_layer(encoder, CPU, torch.float32) is None
    assert "forward" not in vars(layer)
