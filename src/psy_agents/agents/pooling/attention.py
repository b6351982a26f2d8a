"""A learned weighted mean of the real tokens' states."""

import torch
from torch import Tensor, nn

from psy_agents.agents.pooling._base import TokenPooling


class Pooling(TokenPooling):
    """Averages the states of the real tokens with softmax weights from a learned query."""

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden)
        self.query = nn.Linear(hidden, 1)

    def forward(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        states_BTH = states_BTH.float()
        scores_BT1 = self.query(states_BTH).float().masked_fill(~mask_BT.unsqueeze(-1), -torch.inf)
        return (states_BTH * scores_BT1.softmax(1)).sum(1)
