"""The mean of the real tokens' states."""

from torch import Tensor

from psy_agents.agents.pooling._base import TokenPooling


class Pooling(TokenPooling):
    """Averages the states of the real tokens."""

    def forward(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        keep_BT1 = mask_BT.unsqueeze(-1)
        return (states_BTH.float() * keep_BT1).sum(1) / keep_BT1.sum(1)
