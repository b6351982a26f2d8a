"""Encoder, pooling, classification head. B: windows, T: tokens, H: hidden size."""

from __future__ import annotations

from torch import nn

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.criteria.spec import SPEC
from psy_agents.agents.encoders.loading import EncoderSource
from psy_agents.agents.heads import new_head
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.model import AgentModel, AgentOutput
from psy_agents.agents.pooling import new_pooling


class Model(AgentModel):
    """Decides whether the criterion is met."""

    spec = SPEC

    def __init__(self, config: ModelConfig, source: EncoderSource) -> None:
        super().__init__(config, source)
        self.pooling = new_pooling(config.pooling, self.hidden)
        self.criterion_head = new_head(config, self.hidden, 1)

    @property
    def read_at_first_tokens(self) -> list[nn.Module]:
        return [self.encoder] if self.reads_first_token_only else []

    def forward(self, windows: WindowTensors) -> AgentOutput:
        states_BTH = self.encode(self.encoder, windows)
        pooled_BH = self.pooling(states_BTH, windows.mask_BT)
        return AgentOutput(criterion_B=self.criterion_logits(pooled_BH, states_BTH, windows))
