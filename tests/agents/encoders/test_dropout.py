"""Dropout with cheap masks drops what torch's does, as often."""

import pytest
import torch
from torch import nn

from psy_agents.agents.encoders.dropout import FastDropout, replace_dropouts


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_elements_are_dropped_at_the_rate_and_the_rest_is_scaled(rate, dtype):
    torch.manual_seed(0)
    n = 1_000_003  # not a multiple of four
    states = torch.ones(n, dtype=dtype, requires_grad=True)
    found = FastDropout(rate)(states)
    share = (found == 0).double().mean().item()
    assert share == pytest.approx(rate, abs=5 * (rate * (1 - rate) / n) ** 0.5)
    torch.testing.assert_close(found[found != 0].unique().float(), torch.tensor([1 / (1 - rate)]), rtol=1e-2, atol=0)
    found.sum().backward()
    assert torch.equal(states.grad, found.detach())
    assert found.dtype == dtype


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    dropped = FastDropout(0.5)(torch.ones(400_000)).eq(0).view(-1, 4).double()
    assert (torch.corrcoef(dropped.T) - torch.eye(4)).abs().max() < 0.02
    assert abs(torch.corrcoef(torch.stack([dropped[:-1, 3], dropped[1:, 0]]))[0, 1]) < 0.02


def test_the_seed_decides_the_mask():
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(FastDropout(0.3)(torch.ones(7, 33)))
    assert torch.equal(masks[0], masks[1]) and not torch.equal(masks[0], masks[2])


def test_nothing_is_dropped_in_evaluation_or_at_rate_zero():
    states = torch.randn(5, 3)
    assert torch.equal(FastDropout(0.5).eval()(states), states)
    assert torch.equal(FastDropout(0.0)(states), states)
    assert not FastDropout(1.0)(states).any()


def test_all_of_a_modules_dropouts_are_replaced_and_nothing_else():
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.2), nn.GELU()), nn.Dropout(0.3))
    replace_dropouts(module)
    assert [part.p for part in module.modules() if type(part) is FastDropout] == [0.2, 0.3]
    assert type(module[0]) is nn.Linear and not any(type(part) is nn.Dropout for part in module.modules())
