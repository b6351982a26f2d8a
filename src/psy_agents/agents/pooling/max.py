"""The maximum of the real tokens' states."""

import torch
from torch import Tensor

from psy_agents.agents.pooling._base import TokenPooling


class Pooling(TokenPooling):
    """Takes the maximum over the real tokens in each dimension."""

    def forward(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        return states_BTH.float().masked_fill(~mask_BT.unsqueeze(-1), -torch.inf).amax(1)
