"""Encoder and span head; position 0 is the no-answer span. B: windows, T: tokens, H: hidden size."""

from __future__ import annotations

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders.loading import EncoderSource
from psy_agents.agents.evidence.spec import SPEC
from psy_agents.agents.heads import new_head
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.model import AgentModel, AgentOutput


class Model(AgentModel):
    """Finds the spans of the post that show the criterion, or none."""

    spec = SPEC

    def __init__(self, config: ModelConfig, source: EncoderSource) -> None:
        super().__init__(config, source)
        self.span_head = new_head(config, self.hidden, 2)

    def forward(self, windows: WindowTensors) -> AgentOutput:
        states_BTH = self.encode(self.encoder, windows)
        start_BT, end_BT = self.span_logits(states_BTH, states_BTH, windows)
        return AgentOutput(start_BT=start_BT, end_BT=end_BT)
