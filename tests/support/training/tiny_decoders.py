"""Tiny decoder-only language models with random weights: their special tokens, attention and tokenizers are those of their families."""

from __future__ import annotations

from pathlib import Path

import torch
from support.vocabularies import byte_pairs, scored_pieces
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModel,
    Gemma3TextConfig,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    SmolLM3Config,
)

DECODERS = ("llama", "qwen2", "gemma3_text", "smollm3")
POSITIONS = 64
# Two query heads share the keys and values of one.
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 32}


def _byte_level(texts: list[str], special: list[str]) -> Tokenizer:
    vocabulary, merges = byte_pairs(texts, special, 420)
    backend = Tokenizer(models.BPE({piece: number for number, piece in enumerate(vocabulary)}, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=False)
    return backend


def _tokenizer(kind: str, texts: list[str]) -> PreTrainedTokenizerFast:
    """As the families save them: no token ends a text, and Llama and SmolLM have no padding token."""
    if kind == "gemma3_text":  # Spaces are pieces of words.
        special = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
        backend = Tokenizer(models.Unigram(scored_pieces(texts, list(special.values()), 120), 3, False))
        backend.normalizer = normalizers.Replace(" ", "▁")
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
        backend.decoder = decoders.Metaspace()
        backend.post_processor = _begins_texts("<bos>", 2)
    elif kind == "llama":
        special = {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"}
        backend = _byte_level(texts, list(special.values()))
        backend.post_processor = processors.Sequence([backend.post_processor, _begins_texts("<|begin_of_text|>", 0)])
    else:
        special = {"eos_token": "<|endoftext|>"} | ({"pad_token": "<|endoftext|>"} if kind == "qwen2" else {"bos_token": "<|endoftext|>"})
        backend = _byte_level(texts, ["<|endoftext|>"])
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_input_names=["input_ids", "attention_mask"], **special)


def _begins_texts(token: str, number: int) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A {token}:1 $B:1", special_tokens=[(token, number)]
    )


def _config(kind: str, **names: int) -> PreTrainedConfig:
    shape = SIZES | {"initializer_range": 0.2, "max_position_embeddings": POSITIONS} | names
    if kind == "gemma3_text":  # The first layer's window is 8 tokens, and heads are wider than hidden_size / heads.
        kinds = ["sliding_attention", "full_attention"]
        return Gemma3TextConfig(**shape, head_dim=16, sliding_window=8, layer_types=kinds, query_pre_attn_scalar=16)
    return {"llama": LlamaConfig, "qwen2": Qwen2Config, "smollm3": SmolLM3Config}[kind](**shape)


def build_decoder(kind: str, folder: Path, texts: list[str]) -> str:
    """Save a tiny decoder with its tokenizer to ``folder`` and return the folder as text."""
    tokenizer = _tokenizer(kind, texts)
    names = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    torch.manual_seed(0)
    AutoModel.from_config(_config(kind, vocab_size=len(tokenizer), **names)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
