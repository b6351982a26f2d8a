"""One encoder under a classification head and a span head. B: windows, T: tokens, H: hidden size."""

from __future__ import annotations

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders.loading import EncoderSource
from psy_agents.agents.heads import new_head
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.model import AgentModel, AgentOutput
from psy_agents.agents.pooling import new_pooling
from psy_agents.agents.share.spec import SPEC


class Model(AgentModel):
    """Predicts decision and evidence with one encoder."""

    spec = SPEC

    def __init__(self, config: ModelConfig, source: EncoderSource) -> None:
        super().__init__(config, source)
        self.pooling = new_pooling(config.pooling, self.hidden)
        self.criterion_head = new_head(config, self.hidden, 1)
        self.span_head = new_head(config, self.hidden, 2)

    def forward(self, windows: WindowTensors) -> AgentOutput:
        states_BTH = self.encode(self.encoder, windows)
        pooled_BH = self.pooling(states_BTH, windows.mask_BT)
        start_BT, end_BT = self.span_logits(states_BTH, states_BTH, windows)
        return AgentOutput(self.criterion_logits(pooled_BH, states_BTH, windows), start_BT, end_BT)
