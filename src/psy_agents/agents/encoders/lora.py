"""LoRA: low-rank adapters on the linear layers of a frozen encoder (Hu et al. 2022), by the library peft."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders.dropout import replace_dropouts
from psy_agents.agents.encoders.limits import check_peft
from psy_agents.agents.encoders.loading import layers_of
from psy_agents.errors import UserError

ADAPTER = "default"  # peft's name of an adapter that has none.
PREFIX = "base_model.model."  # peft's, of the names in a file of adapters.
MARK = ".lora_"
ADAPTERS = "adapter_model.safetensors"
QUERIES_AND_VALUES = {
    "q_proj", "v_proj",  # Llama, Qwen, Gemma, SmolLM, Mistral, OPT
    "query", "value",  # BERT, RoBERTa, XLM-R, ELECTRA
    "q", "v",  # MPNet
    "query_proj", "value_proj",  # DeBERTa-v2 and v3
    "q_lin", "v_lin",  # DistilBERT
    "Wqkv", "query_key_value", "qkv_proj", "in_proj", "c_attn",  # ModernBERT, GPT-NeoX and Falcon, Phi-3, DeBERTa, GPT-2: all in one
}  # fmt: skip
"""Names by which families call the layers that make queries and values."""


def sharing_copy(encoder: nn.Module) -> nn.Module:
    """A second encoder whose weights are those of the first, in the same memory."""
    return copy.deepcopy(encoder, {id(weight): weight for weight in encoder.parameters()})


def add_adapters(encoder: nn.Module, config: ModelConfig) -> None:
    """Freeze the encoder and add adapters to the layers above ``frozen_layers``.

    Raises:
        UserError: peft is missing, layers would be re-initialised, or there is nothing that the adapters could be added to.
    """
    names = adapter_targets(encoder, config)
    from peft import LoraConfig, inject_adapter_in_model

    lora = LoraConfig(r=config.lora_rank, lora_alpha=config.lora_alpha, lora_dropout=config.lora_dropout, target_modules=names)
    with _seen_in_float32(encoder):
        inject_adapter_in_model(lora, encoder, adapter_name=ADAPTER)
    replace_dropouts(encoder)


@contextmanager
def _seen_in_float32(encoder: nn.Module) -> Iterator[None]:
    """In this context each weight is one in float32 that takes no memory: peft draws adapters in the number format of their layers."""
    kept = {weight: weight.data for weight in encoder.parameters()}
    for weight, data in kept.items():
        weight.data = torch.zeros((), device=data.device).expand(data.shape)
    try:
        yield
    finally:
        for weight, data in kept.items():
            weight.data = data


def adapter_targets(encoder: nn.Module, config: ModelConfig) -> list[str]:
    """Names of the encoder's layers that get adapters.

    Raises:
        UserError: as `add_adapters`.
    """
    check_peft()
    if config.reinitialised_layers:
        raise UserError("reinitialised_layers is above 0, but with lora_rank the encoder's own layers are not trained: set one to 0.")
    from transformers.pytorch_utils import Conv1D

    layers = list(layers_of(encoder))[config.frozen_layers :]
    inside = {id(module) for layer in layers for module in layer.modules() if isinstance(module, nn.Linear | Conv1D)}
    every = [name for name, module in encoder.named_modules() if id(module) in inside]
    names = [name for name in every if config.lora_targets == "linear" or name.rpartition(".")[2] in QUERIES_AND_VALUES]
    if not layers:
        raise UserError(f"frozen_layers is {config.frozen_layers}, which leaves no layer of the encoder for adapters: choose fewer.")
    if not names:
        remedy = "use lora_targets: linear" if every else "use lora_rank: 0"
        raise UserError(f"Encoder type '{encoder.config.model_type}' has no layers for lora_targets: {config.lora_targets}: {remedy}.")
    return names


def base_parameters(encoder: nn.Module) -> Iterator[nn.Parameter]:
    """The encoder's own weights, without adapters."""
    return (weight for name, weight in encoder.named_parameters() if MARK not in name)


def adapter_weights(encoder: nn.Module) -> dict[str, Tensor]:
    """The adapters' weights, named as peft names them in a file."""
    own = {name: weight for name, weight in encoder.state_dict().items() if MARK in name}
    return {PREFIX + name.replace(f".{ADAPTER}.", "."): weight.detach().cpu().contiguous() for name, weight in own.items()}


def load_adapter_weights(encoder: nn.Module, weights: dict[str, Tensor]) -> None:
    """Set the adapters' weights.

    Raises:
        UserError: they are not those of this encoder's adapters.
    """
    own = {name: weight for name, weight in encoder.named_parameters() if MARK in name}
    names = {name: PREFIX + name.replace(f".{ADAPTER}.", ".") for name in own}
    if {names[name]: weight.shape for name, weight in own.items()} != {name: weight.shape for name, weight in weights.items()}:
        raise UserError("The adapters are not those that agent.json describes: the model was changed.")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[names[name]])


def save_adapters(encoder: nn.Module, folder: Path, base: str, revision: str | None) -> None:
    """Write the adapters as peft does, for ``PeftModel.from_pretrained``.

    Args:
        base, revision: name of the encoder that they belong to.
    """
    from safetensors.torch import save_file

    lora = copy.copy(encoder.peft_config[ADAPTER])
    lora.base_model_name_or_path, lora.revision, lora.inference_mode = base, revision, True
    lora.save_pretrained(folder)
    save_file(adapter_weights(encoder), folder / ADAPTERS, metadata={"format": "pt"})


def merge_adapters(encoder: nn.Module) -> None:
    """Add each adapter's product to the weight that it belongs to, in float32; the encoder is then one without adapters.

    Weights that another encoder shares stay as they are there.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(encoder.named_modules()):
        if isinstance(module, BaseTunerLayer):
            layer = module.get_base_layer()
            layer.weight = nn.Parameter(layer.weight.detach().float().clone())
            module.merge(safe_merge=True)
            parent, _, child = name.rpartition(".")
            setattr(encoder.get_submodule(parent), child, layer)
    for weight in encoder.parameters():
        weight.data = weight.data.float()
    del encoder.peft_config
