"""Vocabularies for tiny encoders: they follow from the texts alone and are equal in every process.

A tokenizer that is trained breaks ties by the order of a hash map, which differs from process to process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, ByteLevel, Metaspace, PreTokenizer


def word_pieces(texts: Iterable[str], special: list[str], size: int) -> list[str]:
    """For WordPiece: each character at the start and inside of a word, then the most frequent words."""
    normalizer = BertNormalizer(lowercase=True)
    words = _by_frequency((normalizer.normalize_str(text) for text in texts), BertPreTokenizer())
    characters = sorted({character for word in words for character in word})
    inside = [f"##{character}" for character in characters]
    return [*special, *characters, *inside, *(word for word in words if len(word) > 1)][:size]


def byte_pairs(texts: Iterable[str], special: list[str], size: int) -> tuple[list[str], list[tuple[str, str]]]:
    """For BPE: the bytes and the merges that spell the most frequent words from left to right."""
    vocabulary, merges = dict.fromkeys([*special, *sorted(ByteLevel.alphabet())]), []
    for word in _by_frequency(texts, ByteLevel(add_prefix_space=False)):
        for end in range(2, len(word) + 1):
            if word[:end] not in vocabulary and len(vocabulary) < size:
                vocabulary[word[:end]] = None
                merges.append((word[: end - 1], word[end - 1]))
    return list(vocabulary), merges


def scored_pieces(texts: Iterable[str], special: list[str], size: int) -> list[tuple[str, float]]:
    """For Unigram: the most frequent words, each far more likely than its characters."""
    words = _by_frequency(texts, Metaspace())
    characters = sorted({character for word in words for character in word})
    pieces = [(character, -10.0) for character in characters] + [(word, -5.0) for word in words if len(word) > 1]
    return [*((token, 0.0) for token in special), *pieces][:size]


def _by_frequency(texts: Iterable[str], splitter: PreTokenizer) -> list[str]:
    counts = Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(text))
    return sorted(counts, key=lambda word: (-counts[word], word))
