"""Random encoders with a tokenizer, and corpora whose windows have given lengths, for `gpu.py`: made in seconds, without a network.

A word is a token, so that lengths are exact. A post that meets a criterion has a sentence of words that only such posts have, so that
a search has something to learn.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psy_agents.agents.encoders.tokenizer import COMMON_WORDS
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.origins import IMPLICIT_NEGATIVE, POSITIVE

ENCODERS = ("bert", "deberta", "modernbert", "minilm")
DECODER = "llama-1b"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = 2_000
SIGNS = 20  # Words of each criterion that only the posts that meet it have.
CRITERION_TOKENS, SPECIAL_TOKENS = 8, 3
SENTENCE = 12  # Tokens of a sentence, with its full stop.
TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def save_encoder(kind: str, folder: Path, tiny: bool = False) -> Path:
    """Save an encoder of a family's base shape (``minilm``: all-MiniLM-L6-v2's; ``llama-1b``: Llama 3.2's), with random weights.

    Args:
        tiny: two layers of 32 dimensions and a vocabulary of the words alone, to try the programs.
    """
    import torch
    from transformers import AutoModel

    folder.mkdir(parents=True, exist_ok=True)
    _tokenizer(kind).save_pretrained(folder)
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):  # Drawing 180 million numbers takes seconds on a CPU.
        encoder = AutoModel.from_config(_config(kind, tiny))
    if kind == DECODER:
        encoder.to(torch.bfloat16)  # As its weights are published.
    encoder.to("cpu").save_pretrained(folder)
    return folder


def _config(kind: str, tiny: bool) -> Any:
    from transformers import BertConfig, DebertaV2Config, LlamaConfig, ModernBertConfig

    words = {"vocab_size": WORDS} if tiny else {}
    shape = (TINY if tiny else {}) | words | {"pad_token_id": 0}
    if kind == "minilm":
        small = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
        return BertConfig(**(small | shape))
    if kind == "bert":
        return BertConfig(**shape)
    if kind == "deberta":
        base = {"vocab_size": 128_100, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
        relative = {
            "type_vocab_size": 0, "relative_attention": True, "position_buckets": 256, "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True, "norm_rel_ebd": "layer_norm", "position_biased_input": False, "layer_norm_eps": 1e-7,
        }  # fmt: skip
        return DebertaV2Config(**(base | relative | shape))
    if kind == DECODER:
        billion = {
            "vocab_size": 128_256, "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32, "intermediate_size": 8192,
            "max_position_embeddings": 4096,
        }  # fmt: skip
        return LlamaConfig(**(billion | shape | {"num_key_value_heads": 1 if tiny else 8}))
    tokens = {"cls_token_id": 2, "bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3}
    return ModernBertConfig(**(tokens | shape | ({"local_attention": 16} if tiny else {})))


def _tokenizer(kind: str) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    known = [*SPECIAL, ".", *COMMON_WORDS]  # A tokenizer that knows no English word is refused.
    words = [*known, *(f"w{number}" for number in range(WORDS - len(known)))]
    backend = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    types = "" if kind in ("modernbert", DECODER) else ":1"
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair=f"[CLS] $A [SEP] $B{types} [SEP]{types}", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    inputs = ["input_ids", *(["token_type_ids"] if types else []), "attention_mask"]
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    longest = 1024 if kind == DECODER else 512
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_input_names=inputs, model_max_length=longest, **names)


def make_corpus(train: Sequence[int], validation: Sequence[int], criteria: int = 2, seed: int = 0) -> Corpus:
    """Posts whose windows have so many tokens, special ones and the criterion's included; one in four meets a criterion.

    Args:
        train, validation: the lengths, one for each post. A test post is added, since a corpus has three splits.
    """
    rng = np.random.default_rng(seed)
    names = [f"C{number}" for number in range(criteria)]
    first = dict(zip(names, range(1_500, 1_700, CRITERION_TOKENS), strict=False))
    wording = {name: " ".join(f"w{first[name] + i}" for i in range(CRITERION_TOKENS)) for name in names}
    posts, pairs, sentences, splits = [], [], [], []
    lengths = [*((length, "train") for length in train), *((length, "validation") for length in validation), (40, "test")]
    for number, (length, split) in enumerate(lengths):
        post, parts = f"p{number}", _sentences(rng, length - SPECIAL_TOKENS - CRITERION_TOKENS)
        met = (number + np.arange(criteria)) % 4 == 0
        for criterion in np.flatnonzero(met)[: len(parts)]:
            parts[criterion % len(parts)] = _signed(rng, parts[criterion % len(parts)], int(criterion))
        begins = np.cumsum([0, *(len(part) + 1 for part in parts[:-1])])
        posts.append((post, " ".join(parts)))
        splits.append((post, split, number))
        for criterion, name in enumerate(names):
            at = criterion % len(parts)
            span = (int(begins[at]), int(begins[at]) + len(parts[at]))
            found = [span] if met[criterion] else []
            origin = POSITIVE if found else IMPLICIT_NEGATIVE
            pairs.append((post, name, len(found), [start for start, _ in found], [end for _, end in found], True, origin))
            sentences += [(post, name, *span, 1)] if found else []
    return Corpus(
        posts=pd.DataFrame(posts, columns=["post_id", "text"]),
        pairs=pd.DataFrame(pairs, columns=["post_id", "criterion", "label", "starts", "ends", "evidence_known", "origin"]),
        sentences=pd.DataFrame(sentences, columns=["post_id", "criterion", "start", "end", "status"]),
        splits=pd.DataFrame(splits, columns=["post_id", "split", "cluster"]),
        criteria=wording,
    )


def _sentences(rng: np.random.Generator, tokens: int) -> list[str]:
    """Random sentences of so many tokens together."""
    sizes = [SENTENCE] * (tokens // SENTENCE) + ([tokens % SENTENCE] if tokens % SENTENCE else [])
    return [" ".join([*(f"w{word}" for word in rng.integers(0, 1_400, size - 1)), "."]) for size in sizes]


def _signed(rng: np.random.Generator, sentence: str, criterion: int) -> str:
    words = sentence.split(" ")
    signs = rng.integers(0, SIGNS, len(words) - 1)
    return " ".join([*(f"w{1_700 + criterion * SIGNS + sign}" for sign in signs), "."])


def mixed_lengths(number: int, longest: int, seed: int = 0) -> list[int]:
    """Lengths of windows of posts as forums have them: log-normal, as ReDSM5's mean of 300 words and most of a few hundred."""
    drawn = np.random.default_rng(seed).lognormal(np.log(0.5 * longest), 0.7, number)
    return np.clip(drawn, SPECIAL_TOKENS + CRITERION_TOKENS + SENTENCE, longest).astype(int).tolist()


@contextlib.contextmanager
def quiet_transformers() -> Any:
    """Without its advice on heads that are new, and its progress bars."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()
