"""The last token's state: in causal attention the only one that has read the whole window."""

import torch
from torch import Tensor

from psy_agents.agents.pooling._base import TokenPooling


class Pooling(TokenPooling):
    """Takes the state of the last real token, the special token that closes a window."""

    def forward(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        return last_states(states_BTH, mask_BT).float()


def last_states(states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
    """(B, H) The state at the last place where ``mask_BT`` is True."""
    columns_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    last_B = (mask_BT * columns_T).amax(1)
    return states_BTH.gather(1, last_B[:, None, None].expand(-1, 1, states_BTH.shape[-1])).squeeze(1)
