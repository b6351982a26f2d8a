"""The first token's state."""

from torch import Tensor

from psy_agents.agents.pooling._base import TokenPooling


class Pooling(TokenPooling):
    """Takes the state of the first token ([CLS])."""

    first_token_only = True

    def forward(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        return states_BTH[:, 0].float()
