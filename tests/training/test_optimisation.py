"""Parameter groups and schedules."""

from pathlib import Path

import numpy as np
import pytest
from support.tiny_agents import parameters

from psy_agents.agents.encoders.loading import depth_of_parameters
from psy_agents.agents.registry import new_agent
from psy_agents.training.config import OptimisationConfig
from psy_agents.training.optimisation import parameter_groups, schedule_factor


@pytest.mark.parametrize("agent", ["criteria", "joint"])
def test_rates_fall_layer_by_layer(encoders, agent):
    config = parameters(encoders["bert"], learning_rate=0.01, layer_lr_decay=0.5, head_lr_factor=4, weight_decay=0.1)
    model = new_agent(agent, config, Path(config.encoder))
    groups = parameter_groups(model, config)
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert len(rate) == sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    in_encoder = set()
    for encoder in model.encoders:
        depths = depth_of_parameters(encoder)
        assert set(depths.values()) == {0, 1, 2}
        for name, p in encoder.named_parameters():
            in_encoder.add(id(p))
            assert rate[id(p)] == pytest.approx({0: 0.0025, 1: 0.005, 2: 0.01}[depths[name]])
    for p in model.parameters():
        if id(p) not in in_encoder:
            assert rate[id(p)] == pytest.approx(0.04)
        assert decay[id(p)] == (0.1 if p.ndim > 1 else 0.0)


def curve(total=200, **changes):
    config = OptimisationConfig(**changes)
    return np.array([schedule_factor(step, total, config) for step in range(total + 1)])


KINDS = ["linear", "cosine", "cosine_with_restarts", "polynomial", "constant_with_warmup", "one_cycle"]


@pytest.mark.parametrize("kind", KINDS)
def test_warmup_climbs_to_the_peak(kind):
    factors = curve(lr_scheduler_type=kind, warmup_ratio=0.25)
    assert ((factors >= 0) & (factors <= 1)).all()
    assert (np.diff(factors[:51]) > 0).all()
    assert factors[0] < 0.05
    assert factors[50] == pytest.approx(1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_without_warmup_it_starts_at_the_peak(kind):
    assert curve(lr_scheduler_type=kind, warmup_ratio=0.0)[0] == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_end(kind):
    factors = curve(lr_scheduler_type=kind, warmup_ratio=0.25)
    assert factors[-1] == pytest.approx(float(kind == "constant_with_warmup"), abs=1e-12)
    if kind not in ("cosine_with_restarts", "constant_with_warmup"):
        assert (np.diff(factors[50:]) < 0).all()


def test_middle():
    middle = {kind: curve(lr_scheduler_type=kind, warmup_ratio=0.0, lr_power=3)[50] for kind in KINDS}
    assert middle["linear"] == pytest.approx(0.75)
    assert middle["cosine"] == pytest.approx((1 + np.cos(np.pi / 4)) / 2)
    assert middle["polynomial"] == pytest.approx(0.75**3)
    assert middle["constant_with_warmup"] == 1.0
    assert middle["cosine_with_restarts"] == pytest.approx(0.5)


@pytest.mark.parametrize("cycles", [1, 2, 4])
def test_restarts(cycles):
    factors = curve(lr_scheduler_type="cosine_with_restarts", warmup_ratio=0.0, lr_num_cycles=cycles)
    peaks = [0, *(np.flatnonzero(np.diff(factors) > 0) + 1)]
    assert peaks == [200 // cycles * i for i in range(cycles)]
    assert factors[peaks] == pytest.approx(1.0)


def test_one_cycle_starts_at_a_25th():
    assert curve(20_000, lr_scheduler_type="one_cycle", warmup_ratio=0.5)[0] == pytest.approx(1 / 25, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("total", [1, 2, 3])
def test_short_runs_learn_in_their_first_step(kind, total):
    assert schedule_factor(0, total, OptimisationConfig(lr_scheduler_type=kind, warmup_ratio=0.1)) > 0
