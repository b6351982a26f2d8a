"""Dropout whose masks are cheap on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BITS = 16


class FastDropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014, section 4) with 16 random bits an element.

    torch draws a CPU's masks one element at a time from 64 random bits each (other than on Intel's, which have a library for it):
    for a layer of MiniLM's size that takes as long as half its matrix product. Four elements share them here. The rate is met
    to 1/131072, and what is kept is scaled by the rate that was met. Elsewhere than on a CPU it is torch's own.
    """

    def forward(self, states: Tensor) -> Tensor:
        dropped = round(self.p * 2**BITS)
        if not self.training or dropped in (0, 2**BITS) or states.device.type != "cpu":
            return super().forward(states)
        drawn = torch.empty(-(-states.numel() * BITS // 64), dtype=torch.int64).random_(-(2**63), None)
        bits = drawn.view(torch.int16)[: states.numel()].view(states.shape)
        kept = (bits >= dropped - 2 ** (BITS - 1)).to(states.dtype)
        return states * kept.mul_(2**BITS / (2**BITS - dropped))


def replace_dropouts(module: nn.Module) -> None:
    """Put `Dropout` in the place of torch's in all of a module's parts."""
    for name, part in module.named_children():
        if type(part) is nn.Dropout:
            setattr(module, name, FastDropout(part.p))
        else:
            replace_dropouts(part)
