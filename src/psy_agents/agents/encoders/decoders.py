"""Decoder-only language models (Llama, Qwen, Gemma, SmolLM, …) as encoders: whether their tokens attend to those that follow."""

from __future__ import annotations

from torch import nn

from psy_agents.errors import UserError


def causal_layers(encoder: nn.Module) -> list[nn.Module]:
    """The attention layers in which a token attends to itself and to those before it alone."""
    return [module for module in encoder.modules() if getattr(module, "is_causal", False) is True]


def check_attention(encoder: nn.Module, attention: str) -> None:
    """Refuse ``causal`` for an encoder, whose tokens were trained to read both sides."""
    if attention == "causal" and not causal_layers(encoder):
        raise UserError(
            f"attention is causal, but {encoder.config.model_type} is no decoder: all of its tokens attend to each other; "
            "use attention: auto."
        )


def set_attention(encoder: nn.Module, attention: str) -> None:
    """Let a decoder's tokens attend to those before them (``causal``) or to all of their window (``bidirectional``).

    A decoder without its causal mask is what LLM2Vec starts from (BehnamGhader et al. 2024, section 2.1). An encoder is bidirectional
    already. With ``auto`` everything stays as the configuration of the encoder has it.

    Raises:
        UserError: ``causal`` for an encoder.
    """
    check_attention(encoder, attention)
    layers = causal_layers(encoder)
    if attention == "causal":
        encoder.config.is_causal = True
    elif attention == "bidirectional" or not getattr(encoder.config, "is_causal", True):
        for layer in layers:
            layer.is_causal = False
            if getattr(layer, "sliding_window", None) is not None:
                layer.sliding_window += 1  # A mask of both sides includes the farthest token, a causal mask does not.
        if layers:
            encoder.config.is_causal = False  # Of which transformers makes the mask of padded windows.
