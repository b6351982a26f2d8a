"""Saves an encoder of the size of BERT base, with random weights and a tokenizer of the bundled corpus, to measure speed.

python benchmarks/base_encoder.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from staged_search import bundled_corpus


def save_base_encoder(folder: Path) -> Path:
    """Save it: 12 layers, hidden size 768, 110 million weights."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = BertWordPieceTokenizer()
    tokenizer.train_from_iterator(bundled_corpus(None).posts["text"], vocab_size=8_000, show_progress=False)
    tokenizer.save_model(str(folder))
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)
    torch.manual_seed(0)
    BertModel(BertConfig()).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    print(save_base_encoder(Path(sys.argv[1])))
