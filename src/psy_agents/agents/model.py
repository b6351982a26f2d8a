"""The base of all agents: encoders, their packed and shortened forward passes, and the logits of both heads.

B: windows, T: tokens, H: hidden size. The window is the only input, in training and at inference.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders.decoders import causal_layers, set_attention
from psy_agents.agents.encoders.frozen_layers import FrozenLayers
from psy_agents.agents.encoders.loading import EncoderSource, freeze_lowest, load_encoder, reinitialise_top
from psy_agents.agents.encoders.lora import add_adapters, base_parameters, merge_adapters, sharing_copy
from psy_agents.agents.encoders.packing import Packing, packed_attention_in, packed_inputs
from psy_agents.agents.encoders.packing_probe import why_not_packed
from psy_agents.agents.encoders.short_last_layer import ShortLastLayer, shorten_last_layer
from psy_agents.agents.heads import SentenceSimilarity, Similarity
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.pooling.last import last_states
from psy_agents.agents.spec import AgentSpec
from psy_agents.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AgentOutput:
    """Logits in float32: criterion (B), start and end (B, T) with -inf on tokens that cannot be evidence.
    None for what an agent does not predict."""

    criterion_B: Tensor | None = None
    start_BT: Tensor | None = None
    end_BT: Tensor | None = None


class AgentModel(nn.Module):
    """Base class of an agent's ``Model``; holds the encoders by name, for the optimiser's groups and for saving.

    Attributes:
        spec: the agent's spec.
        causal: whether the tokens of the encoders attend to those before them alone.
        packed: whether the encoders read windows without padding (`encoders.packing`).
        short_last_layers: by encoder, the last layer that runs for first tokens only (`encoders.short_last_layer`).
    """

    spec: ClassVar[AgentSpec]

    def __init__(self, config: ModelConfig, source: EncoderSource) -> None:
        super().__init__()
        self.config = config
        self.base_folder = source.folders[self.spec.encoders[0]]
        for name, encoder in self._load_encoders(source).items():
            setattr(self, name, encoder)
        self.causal = bool(causal_layers(self.encoders[0]))
        if self.causal and self.spec.reads("pooling") and config.pooling == "cls":
            raise UserError(
                f"pooling is cls, but in causal attention the first token of {self.encoders[0].config.model_type} has read nothing: "
                "use pooling: last, or attention: bidirectional."
            )
        self.hidden = getattr(self, self.spec.encoders[0]).config.hidden_size
        with_similarity = self.spec.reads("similarity") and config.similarity == "cosine"
        self.similarity = Similarity() if with_similarity else None
        self.sentence_similarity = SentenceSimilarity() if with_similarity and self.spec.predicts_evidence else None
        self.frozen: dict[nn.Module, FrozenLayers] = {}
        self.packed = False
        self.short_last_layers: dict[nn.Module, ShortLastLayer] = {}

    def _load_encoders(self, source: EncoderSource) -> dict[str, nn.Module]:
        """The encoders by name. With adapters they share the weights of one, which stay as they are."""
        first, *others = self.spec.encoders
        folders, dropout, shared = source.folders, self.config.encoder_dropout, self.config.lora_rank > 0
        encoders = {first: load_encoder(folders[first], dropout, source.base_dtype if shared else None)}
        for name in others:
            encoders[name] = sharing_copy(encoders[first]) if shared else load_encoder(folders[name], dropout)
        for encoder in encoders.values():
            set_attention(encoder, self.attention)
            if self.config.lora_rank:
                add_adapters(encoder, self.config)
        return encoders

    @property
    def attention(self) -> str:
        """``causal``, ``bidirectional``, or ``auto``: as the encoder is."""
        return "bidirectional" if self.config.attention == "auto" and self.spec.predicts_evidence else self.config.attention

    @property
    def encoders(self) -> list[nn.Module]:
        """The encoders, in the order of the spec."""
        return [getattr(self, name) for name in self.spec.encoders]

    def prepare_layers(self) -> None:
        """Re-initialise the top layers and freeze the lowest, as configured."""
        for encoder in self.encoders:
            reinitialise_top(encoder, self.config.reinitialised_layers)
            freeze_lowest(encoder, self.config.frozen_layers)
            if self.config.frozen_layers:
                self.frozen[encoder] = FrozenLayers(encoder, self.config.frozen_layers)

    def train(self, mode: bool = True) -> AgentModel:
        """Set the mode as torch does; frozen layers always stay in evaluation mode."""
        super().train(mode)
        for frozen in self.frozen.values():
            frozen.set_eval_mode()
        return self

    def cast_base(self, precision: torch.dtype) -> None:
        """Keep the frozen weights under adapters in the format of matrix products; adapters and heads stay in float32.

        What was loaded in it (`EncoderSource.base_dtype`) is in it already, and needed no memory for float32.
        """
        for encoder in self.encoders if self.config.lora_rank else ():
            for weight in base_parameters(encoder):
                weight.data = weight.data.to(precision)

    def trained_weights(self) -> dict[str, Tensor]:
        """What training changes, by the names of `state_dict`: not the base of adapters, and not frozen layers."""
        frozen = {name for name, weight in self.named_parameters(remove_duplicate=False) if not weight.requires_grad}
        return {name: weight for name, weight in self.state_dict().items() if name not in frozen}

    def merge_adapters(self) -> None:
        """Turn encoders with adapters into encoders of their own weights, which give the same states but for rounding."""
        for encoder in self.encoders:
            merge_adapters(encoder)
        self.config = self.config.model_copy(update={"lora_rank": 0})

    @property
    def reads_first_token_only(self) -> bool:
        """Whether the criterion logits depend on each window's first state alone."""
        return self.pooling.first_token_only and self.similarity is None

    @property
    def read_at_first_tokens(self) -> list[nn.Module]:
        """Encoders of which the model reads only each window's first state."""
        return []

    def enable_packing(self, device: torch.device, precision: torch.dtype) -> None:
        """Run windows without padding from now on, if every encoder supports it."""
        refusals = [why_not_packed(encoder, device, precision) for encoder in self.encoders]
        self.packed = not any(refusals)
        for encoder, refusal in zip(self.encoders, refusals, strict=True):
            if refusal:
                log.info("%s reads padded windows: %s", encoder.config.model_type, refusal)
                break  # Both of joint's encoders are of one kind.

    def enable_short_last_layer(self, device: torch.device, precision: torch.dtype) -> None:
        """Run the last layer for first tokens only from now on, if windows are packed and no other token is read."""
        for encoder in self.read_at_first_tokens if self.packed else ():
            if self.config.frozen_layers < encoder.config.num_hidden_layers:
                last = shorten_last_layer(encoder, device, precision)
                if last is not None:
                    self.short_last_layers[encoder] = last

    def frozen_states(self, windows: WindowTensors, below: tuple[int, Tensor] | None = None) -> Tensor:
        """The states after the first encoder's frozen layers (B, T, H).

        Args:
            below: a smaller depth and the states after it (B, T, H), to resume from.
        """
        encoder = self.encoders[0]
        if not self.packed:
            return self.frozen[encoder].run(windows.encoder_inputs, below)
        packing = windows.packing
        with packed_attention_in(encoder, packing):
            inputs = packed_inputs(encoder, packing, windows.ids_BT, windows.types_BT)
            return packing.unpack(self.frozen[encoder].run(inputs, below and (below[0], packing.pack(below[1]))))

    def encode(self, encoder: nn.Module, windows: WindowTensors) -> Tensor:
        """Run the encoder; return its last states (B, T, H), or (B, 1, H) if its last layer is short."""
        frozen_BTH = windows.frozen_BTH if windows.frozen_BTH is None else windows.frozen_BTH.to(encoder.dtype)
        if not self.packed:
            with self._resumed_from(encoder, frozen_BTH):
                return encoder(**windows.encoder_inputs).last_hidden_state
        packing = windows.packing
        frozen = None if frozen_BTH is None else packing.pack(frozen_BTH)
        with packed_attention_in(encoder, packing), self._resumed_from(encoder, frozen), self._shortened(encoder, packing):
            states = encoder(**packed_inputs(encoder, packing, windows.ids_BT, windows.types_BT)).last_hidden_state
        return (packing.first_tokens if encoder in self.short_last_layers else packing).unpack(states)

    def _resumed_from(self, encoder: nn.Module, states: Tensor | None) -> AbstractContextManager:
        return nullcontext() if states is None else self.frozen[encoder].skipped(states)

    def _shortened(self, encoder: nn.Module, packing: Packing) -> AbstractContextManager:
        return self.short_last_layers[encoder].first_tokens_only(packing) if encoder in self.short_last_layers else nullcontext()

    def criterion_logits(self, pooled_BH: Tensor, states_BTH: Tensor, windows: WindowTensors) -> Tensor:
        """Criterion logits (B) from ``criterion_head`` and, with similarity, from ``states_BTH``."""
        logits_B = self.criterion_head(pooled_BH).float().squeeze(-1)
        return logits_B + self.similarity_logits(states_BTH, windows)

    def span_logits(self, token_BTH: Tensor, states_BTH: Tensor, windows: WindowTensors) -> tuple[Tensor, Tensor]:
        """Start and end logits (B, T) from ``span_head`` on ``token_BTH`` and, with similarity, from ``states_BTH``.

        A sentence that resembles the criterion raises the logits of its tokens; a post that resembles it lowers the no-answer logit.
        The no-answer logit stands at position 0, which has read nothing in causal attention: it is then the last token's.
        """
        if self.causal:
            token_BTH = torch.cat([last_states(token_BTH, windows.mask_BT).unsqueeze(1), token_BTH[:, 1:]], dim=1)
        logits_BT2 = self.span_head(token_BTH).float()
        if self.similarity is not None:
            similarity_BT = self.sentence_similarity(states_BTH, windows.criterion_BT, windows.sentence_BT, windows.n_sentences)
            similarity_BT[:, 0] = -self.similarity_logits(states_BTH, windows)
            logits_BT2 = logits_BT2 + similarity_BT.unsqueeze(-1)
        masked_BT2 = logits_BT2.masked_fill(~windows.answerable_BT.unsqueeze(-1), -torch.inf)
        return masked_BT2[..., 0], masked_BT2[..., 1]

    def similarity_logits(self, states_BTH: Tensor, windows: WindowTensors) -> Tensor:
        """Logits (B) from the similarity of criterion and post; zeros without similarity."""
        if self.similarity is None:
            return states_BTH.new_zeros(states_BTH.shape[0], dtype=torch.float32)
        return self.similarity(states_BTH, windows.criterion_BT, windows.post_BT)

    def forward(self, windows: WindowTensors) -> AgentOutput:
        raise NotImplementedError
