"""The shape of an encoder, read from its configuration without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from psy_agents.agents.encoders.limits import check_config
from psy_agents.errors import UserError

FIRST_AFTER_PADDING = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "data2vec-text", "roberta-prelayernorm", "xmod")
"""Families whose position ids start after the padding id: that many positions of their table are never used."""
DECODERS = ("bloom", "cohere", "falcon", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neo", "gpt_neox", "granite", "llama", "mistral",
            "olmo", "olmo2", "opt", "phi", "phi3", "qwen2", "qwen3", "smollm3", "stablelm", "starcoder2")  # fmt: skip
"""Families of decoder-only models; others are known by the name of their architecture."""
DEFAULT_POSITIONS = 512
LAYERS = ("num_hidden_layers", "n_layers")  # The second is DistilBERT's.
SHARED_LAYERS = ("albert",)
"""Families of one layer that runs several times: it cannot be frozen, re-initialised or given a learning rate by depth."""


@dataclass(frozen=True)
class EncoderShape:
    """Number of transformer layers, the longest input in tokens, the number of tokens that have an embedding, and whether tokens attend to
    those before them alone."""

    layers: int
    positions: int
    vocabulary: int
    causal: bool = False


def shape_of(folder: Path) -> EncoderShape:
    """The shape of the encoder in a folder. torch is imported only where its ``config.json`` leaves the shape to its family's defaults.

    Raises:
        UserError: the configuration cannot be used, or the encoder's layers are shared.
    """
    config = check_config(folder)
    written = any(str(name).endswith("ForCausalLM") for name in config.get("architectures") or ())
    causal = (written or config.get("model_type") in DECODERS) and config.get("is_causal") is not False
    layers = next((config[name] for name in LAYERS if name in config), None)
    needed = ("model_type", "max_position_embeddings", "pad_token_id", "vocab_size")
    if layers is None or not all(name in config for name in needed):
        from transformers import AutoConfig

        try:
            defaults = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(
                f"Encoder folder '{folder.name}': config.json is of no family that the installed transformers knows: code that comes with "
                f"an encoder is never run."
            ) from None
        layers = defaults.num_hidden_layers
        config = {name: getattr(defaults, name, None) for name in needed}
    family = config["model_type"]
    if family in SHARED_LAYERS:
        raise UserError(
            f"Encoder folder '{folder.name}': the layers of {family} share their weights, so they have no depth by which to "
            f"freeze them or set their learning rates: use an encoder of another family."
        )
    positions, vocabulary = config["max_position_embeddings"], config["vocab_size"]
    if positions is None:
        return EncoderShape(layers, DEFAULT_POSITIONS, vocabulary, causal)
    padding = config["pad_token_id"]
    if padding is not None and not (isinstance(padding, int) and -1 <= padding < max(1, vocabulary)):
        raise UserError(f"Encoder folder '{folder.name}': pad_token_id in config.json is {str(padding)[:30]}, which is none of its tokens.")
    unused = (padding or 0) + 1 if family in FIRST_AFTER_PADDING else 0
    return EncoderShape(layers, positions - unused, vocabulary, causal)
