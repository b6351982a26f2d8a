"""Two encoders: the criteria encoder's pooled vector is fused into the evidence encoder's token states.

B: windows, T: tokens, H: hidden size.
"""

from __future__ import annotations

from torch import nn

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders.loading import EncoderSource
from psy_agents.agents.heads import Fusion, new_head
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.joint.spec import SPEC
from psy_agents.agents.model import AgentModel, AgentOutput
from psy_agents.agents.pooling import new_pooling


class Model(AgentModel):
    """Predicts decision and evidence with two encoders; the span logits depend on the whole window's pooled vector."""

    spec = SPEC

    def __init__(self, config: ModelConfig, source: EncoderSource) -> None:
        super().__init__(config, source)
        self.pooling = new_pooling(config.pooling, self.hidden)
        self.criterion_head = new_head(config, self.hidden, 1)
        self.fusion = Fusion(config.fusion, self.hidden, self.hidden)
        self.span_head = new_head(config, self.hidden, 2)

    @property
    def read_at_first_tokens(self) -> list[nn.Module]:
        return [self.criteria_encoder] if self.reads_first_token_only else []

    def forward(self, windows: WindowTensors) -> AgentOutput:
        states_BTH = self.encode(self.criteria_encoder, windows)
        pooled_BH = self.pooling(states_BTH, windows.mask_BT)
        fused_BTH = self.fusion(self.encode(self.evidence_encoder, windows), pooled_BH)
        start_BT, end_BT = self.span_logits(fused_BTH, states_BTH, windows)
        return AgentOutput(self.criterion_logits(pooled_BH, states_BTH, windows), start_BT, end_BT)
