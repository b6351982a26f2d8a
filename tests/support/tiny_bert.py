"""A random BERT that costs nothing to run, for tests of what is around it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def build_bert(folder: Path, texts: Iterable[str], *, vocab_size: int, layers: int) -> Path:
    """Save it to the folder, with a word-piece tokenizer whose vocabulary follows from the texts."""
    import torch
    from support.vocabularies import word_pieces
    from transformers import BertConfig, BertModel, BertTokenizerFast

    vocabulary = word_pieces(texts, SPECIAL, vocab_size)
    file = folder / "vocab.txt"
    file.write_text("".join(f"{piece}\n" for piece in vocabulary), encoding="utf-8")
    BertTokenizerFast(vocab=str(file)).save_pretrained(folder)
    size = {"hidden_size": 32, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(vocabulary), **size)).save_pretrained(folder)
    return folder
