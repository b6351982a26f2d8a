"""Gradient checkpointing: layers keep their inputs alone and run again in the backward pass (Chen et al. 2016)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from torch import nn

from psy_agents.agents.encoders.packing import current_packing, packed_attention_in
from psy_agents.errors import UserError


def check_checkpointing(encoder: nn.Module) -> None:
    """Refuse an encoder whose family does not support it."""
    if not getattr(encoder, "supports_gradient_checkpointing", False):
        raise UserError(f"training.gradient_checkpointing is true, but {encoder.config.model_type} does not support it: set it to false.")


def enable_checkpointing(encoder: nn.Module) -> None:
    """Let the encoder's layers run again in the backward pass, see `check_checkpointing`.

    The backward pass runs outside of the context in which windows are packed, so that each layer remembers its packing. States of a
    random generator are kept only where there is dropout to repeat: a CUDA graph cannot hold them.
    """
    check_checkpointing(encoder)

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        packing = current_packing()
        return nullcontext(), nullcontext() if packing is None else packed_attention_in(encoder, packing)

    encoder.activation_checkpointing_enable(
        {"use_reentrant": False, "preserve_rng_state": has_dropout(encoder), "context_fn": contexts}
    )


def has_dropout(encoder: nn.Module) -> bool:
    """Whether a layer of the encoder drops states in training."""
    return any(isinstance(module, nn.Dropout) and module.p > 0 for module in encoder.modules())
