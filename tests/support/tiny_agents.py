"""Tiny encoders with random weights and a tiny corpus, made on the spot: nothing is downloaded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from support.vocabularies import byte_pairs, scored_pieces, word_pieces
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    BertConfig,
    DebertaV2Config,
    DebertaV2Tokenizer,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

from psy_agents.agents.encoders.packing import Packing
from psy_agents.agents.inputs import WindowTensors
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.origins import EXPLICIT_NEGATIVE, IMPLICIT_NEGATIVE, POSITIVE
from psy_agents.training.config import HyperParameters, TrainingSettings

torch.set_num_threads(1)

CRITERIA = {"sleep": "trouble with sleep at night", "energy": "low energy or tired most days"}
SIGNS = {
    "sleep": ["I could not sleep last night.", "Sleep comes late and I wake early."],
    "energy": ["I was tired all day.", "There is no energy left in me."],
}
DENIALS = {"sleep": "I sleep well.", "energy": "My energy is fine."}
FILLERS = [
    "The weather was nice.",
    "We had soup for dinner.",
    "My sister called me about her new job.",
    "I walked the dog to the park and back.",
    "It rained a little in the afternoon.",
    "The bus was late again this morning.",
]
SENTENCES = [*CRITERIA.values(), *sum(SIGNS.values(), []), *DENIALS.values(), *FILLERS]
POSITIONS = 64
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
ENCODERS = ("bert", "roberta", "xlm-roberta", "distilbert", "electra", "deberta-v2", "modernbert")
PACKABLE = [kind for kind in ENCODERS if kind != "deberta-v2"]  # It has attention of its own.
SHORTENABLE = [kind for kind in PACKABLE if kind != "modernbert"]  # Its last layer needs the positions of all tokens.
SETTINGS = TrainingSettings(precision="float32")


def _wordpiece():
    special, names = _bert_special()
    backend = Tokenizer(models.WordPiece(_numbered(word_pieces(SENTENCES, special, 100)), unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return backend, names


def _numbered(vocabulary: list[str]) -> dict[str, int]:
    return {piece: number for number, piece in enumerate(vocabulary)}


def _roberta_special() -> tuple[list[str], dict[str, str]]:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), special, strict=True))
    return special, names | {"cls_token": "<s>", "sep_token": "</s>"}


def _byte_level():
    special, names = _roberta_special()
    vocabulary, merges = byte_pairs(SENTENCES, special, 420)
    backend = Tokenizer(models.BPE(_numbered(vocabulary), merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return backend, names


def _metaspace():
    special, names = _roberta_special()
    backend = Tokenizer(models.Unigram(scored_pieces(SENTENCES, special, 120), special.index("<unk>"), False))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return backend, names


def _bert_special() -> tuple[list[str], dict[str, str]]:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return special, dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))


def _modernberts():
    """Byte-level BPE whose offsets hold the space before a word, with tokens of several spaces."""
    special, names = _bert_special()
    vocabulary, merges = byte_pairs(SENTENCES, special, 420)
    backend = Tokenizer(models.BPE(_numbered(vocabulary), merges))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    backend.add_tokens([AddedToken(" " * spaces, normalized=True) for spaces in (2, 3)])
    return backend, names


def _tokenizer(kind: str):
    if kind == "deberta-v2":  # Unigram; its offsets hold the white space before a word.
        return DebertaV2Tokenizer(vocab=scored_pieces(SENTENCES, _bert_special()[0], 120))
    make = {"roberta": _byte_level, "xlm-roberta": _metaspace, "modernbert": _modernberts}.get(kind, _wordpiece)
    backend, special = make()
    inputs = ["input_ids", *(["token_type_ids"] if kind in ("bert", "electra") else []), "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_input_names=inputs, **special)


def build_encoder(kind: str, folder):
    """Save a tiny encoder with its tokenizer to ``folder`` and return the folder as text."""
    tokenizer = _tokenizer(kind)
    vocab = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    spread = {"initializer_range": 0.2}  # wide enough for random states to differ from token to token
    if kind == "bert":
        config = BertConfig(**SIZES, **vocab, **spread, max_position_embeddings=POSITIONS)
    elif kind == "roberta":
        config = RobertaConfig(**SIZES, **vocab, **spread, max_position_embeddings=POSITIONS + 2, type_vocab_size=1)
    elif kind == "xlm-roberta":
        config = XLMRobertaConfig(**SIZES, **vocab, **spread, max_position_embeddings=POSITIONS + 2, type_vocab_size=1)
    elif kind == "distilbert":
        config = DistilBertConfig(
            **vocab, **spread, dim=16, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=POSITIONS
        )
    elif kind == "electra":
        config = ElectraConfig(**SIZES, **vocab, **spread, embedding_size=8, max_position_embeddings=POSITIONS)
    elif kind == "deberta-v2":
        config = DebertaV2Config(
            **SIZES, **vocab, **spread, max_position_embeddings=POSITIONS, type_vocab_size=0, relative_attention=True,
            position_buckets=16, pos_att_type=["p2c", "c2p"], share_att_key=True, norm_rel_ebd="layer_norm",
            position_biased_input=False,
        )  # fmt: skip
    elif kind == "modernbert":
        ids = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
        config = ModernBertConfig(**SIZES, **vocab, **ids, **spread, max_position_embeddings=POSITIONS, local_attention=16)
    else:
        raise AssertionError(kind)
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def build_other_weights(encoder: str, folder):
    """Save an encoder of the same config and tokenizer with other weights."""
    torch.manual_seed(1)
    AutoModel.from_config(AutoConfig.from_pretrained(encoder)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(folder)
    return str(folder)


def build_corpus(n_posts: int = 24, seed: int = 0) -> Corpus:
    """Posts of 2 to 12 sentences; every third is validation. Some pairs are denied, some unknown in place."""
    rng = np.random.default_rng(seed)
    posts, pairs, sentences, splits = [], [], [], []
    for number in range(n_posts):
        post_id = f"post{number}"
        parts: list[tuple[str, str | None, int]] = [
            (FILLERS[i], None, 0) for i in rng.integers(len(FILLERS), size=2 + number % 9)
        ]
        for position, criterion in enumerate(CRITERIA):
            if (number + position) % 3 == 0:
                for sign in SIGNS[criterion][: 1 + number % 2]:
                    parts.insert(int(rng.integers(len(parts) + 1)), (sign, criterion, 1))
            elif (number + position) % 5 == 0:
                parts.insert(int(rng.integers(len(parts) + 1)), (DENIALS[criterion], criterion, 0))
        text, found = "", {criterion: [] for criterion in CRITERIA}
        status = dict.fromkeys(CRITERIA)
        for sentence, criterion, met in parts:
            start = len(text) + bool(text)
            text = f"{text} {sentence}" if text else sentence
            if criterion:
                status[criterion] = met
                sentences.append((post_id, criterion, start, len(text), met))
                if met:
                    found[criterion].append((start, len(text)))
        posts.append((post_id, text))
        splits.append((post_id, "validation" if number % 4 == 3 else "train"))
        for criterion in CRITERIA:
            spans, label = found[criterion], int(bool(found[criterion]))
            origin = POSITIVE if label else IMPLICIT_NEGATIVE if status[criterion] is None else EXPLICIT_NEGATIVE
            known = not (label and number == 0)
            pairs.append(
                (post_id, criterion, label, [s for s, _ in spans] if known else [], [e for _, e in spans] if known else [],
                 known, origin)
            )  # fmt: skip
    return Corpus(
        posts=pd.DataFrame(posts, columns=["post_id", "text"]),
        pairs=pd.DataFrame(
            pairs, columns=["post_id", "criterion", "label", "starts", "ends", "evidence_known", "origin"]
        ),
        sentences=pd.DataFrame(sentences, columns=["post_id", "criterion", "start", "end", "status"]),
        splits=pd.DataFrame(splits, columns=["post_id", "split"]),
        criteria=CRITERIA,
    )


def parameters(encoder: str, **changes) -> HyperParameters:
    """A fast configuration whose learning rate is high enough for a few steps to show."""
    values = {
        "encoder": encoder, "max_length": 40, "learning_rate": 2e-3, "batch_size": 6, "head_width": 16,
        "warmup_ratio": 0.25, "negative_ratio": 1.0,
    } | changes  # fmt: skip
    return HyperParameters(**values)


def any_windows(lengths: tuple[int, ...] = (12, 5, 9)) -> WindowTensors:
    """Of any tokens: [CLS] and three of the criterion, then the post's, two sentences."""
    width = max(lengths)
    mask = np.arange(width) < np.array(lengths)[:, None]
    ids = torch.from_numpy(np.random.default_rng(1).integers(5, 25, mask.shape)).masked_fill(~torch.from_numpy(mask), 0)
    mask_BT = torch.from_numpy(mask)
    answerable_BT = mask_BT & (torch.arange(width) > 3)
    sentence_BT = torch.where(answerable_BT, (torch.arange(width) > 6).long(), -1)
    answerable_BT[:, 0] = True
    packing = Packing(tuple(lengths), width, mask_BT.device)
    return WindowTensors(ids, mask_BT, None, answerable_BT, sentence_BT, packing, n_sentences=2)
