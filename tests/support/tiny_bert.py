"""A random BERT that costs nothing to run, for tests of what is around it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def build_bert(folder: Path, texts: Iterable[str], *, vocab_size: int, layers: int) -> Path:
    """Save it to the folder, with a word-piece tokenizer that has learned from the texts."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    tokenizer = BertWordPieceTokenizer()
    tokenizer.train_from_iterator(texts, vocab_size=vocab_size, show_progress=False)
    tokenizer.save_model(str(folder))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    size = {"hidden_size": 32, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=tokenizer.get_vocab_size(), **size)).save_pretrained(folder)
    return folder
