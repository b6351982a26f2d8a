"""(post, criterion) pairs as overlapping windows of tokens, with each token's offsets in the post.

A window reads ``[CLS] criterion [SEP] part of the post [SEP]`` with the tokenizer's special tokens. A long
post continues in further windows that repeat a share of its tokens (``overlap``): every pair and every token of evidence is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from psy_agents.agents.encoders.tokenizer import Encode, lost_words
from psy_agents.errors import UserError
from psy_agents.evaluation.spans import sentence_spans

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Limits on the pairs in a tokeniser batch, because the tokeniser's results need much more memory than the windows' arrays.
TOKENISER_BATCH = 1024
TOKENISER_CHARACTERS = 2**18  # of their posts
MIN_POST_TOKENS = 8


@dataclass(frozen=True)
class Windows:
    """Ragged token arrays of many pairs, flat. Window ``w`` owns tokens ``first[w]:first[w + 1]``.

    Attributes:
        ids: token ids of all windows, one after another.
        types: token types, or None if the encoder has none.
        starts, ends: character offsets of each token in its post, without white space at its edges; -1 outside the post's tokens.
            A token of white space alone starts at the next character and ends after the last one before it.
        sentence_starts, sentence_ends: character offsets of the sentence in which the token ends; -1 outside the post's tokens.
        first: (number of windows + 1) index of each window's first token.
        pair: (number of windows) index of the window's pair, never decreasing.
        n_pairs: number of pairs; each has at least one window.
    """

    ids: np.ndarray
    types: np.ndarray | None
    starts: np.ndarray
    ends: np.ndarray
    sentence_starts: np.ndarray
    sentence_ends: np.ndarray
    first: np.ndarray
    pair: np.ndarray
    n_pairs: int

    @property
    def lengths(self) -> np.ndarray:
        """Tokens in each window."""
        return np.diff(self.first)

    def pair_bounds(self) -> np.ndarray:
        """(n_pairs + 1) index of each pair's first window."""
        return np.searchsorted(self.pair, np.arange(self.n_pairs + 1))


def check_max_length(max_length: int, longest_criterion: int, positions: int) -> None:
    """Refuse a window that is too long for the encoder or too short for the longest criterion and some of the post."""
    if max_length > positions:
        raise UserError(f"max_length is {max_length}, but the encoder reads at most {positions} tokens.")
    problem = too_short_for(max_length, longest_criterion, positions)
    if problem:
        raise UserError(f"max_length: {problem}.")


def too_short_for(max_length: int, tokens: int, positions: int, criterion: str = "", encoder: str = "") -> str | None:
    """What to do where a window has no room for some of the post; None where it has.

    Args:
        tokens: of the longest criterion, with special tokens.
        positions: the longest input that the encoder reads.
        criterion, encoder: the id and the name, for the sentence.
    """
    least = tokens + MIN_POST_TOKENS
    if max_length >= least:
        return None
    which = f"the criterion {criterion}" if criterion else "the longest criterion"
    remedy = f"choose at least {least}" if least <= positions else f"shorten the criterion: the encoder reads at most {positions} tokens"
    reader = f" of {encoder}" if encoder else ""
    return f"windows of {max_length} tokens are too short, as {which} takes {tokens} tokens{reader} with special tokens: {remedy}"


def check_criteria_are_read(encode: Encode, criteria: Iterable[str], encoder: str = "the encoder") -> None:
    """Refuse an encoder to which most words of the criteria are unknown: it reads a post in their language no better."""
    words = sorted({word for text in set(criteria) for word in re.findall(r"\w+", text)})
    lost = lost_words(encode, words)
    if len(lost) > len(words) / 2:
        raise UserError(
            f"The tokenizer of {encoder} reads {len(lost)} of the {len(words)} words of the criteria as unknown: use an encoder of their "
            "language, or copy all files of its tokenizer to its folder."
        )


def tokenise_pairs(
    tokenizer: PreTrainedTokenizerFast,
    criteria: Sequence[str],
    posts: Sequence[str],
    *,
    max_length: int,
    overlap: float,
    positions: int,
) -> Windows:
    """Cut pairs into windows of at most ``max_length`` tokens.

    Args:
        criteria, posts: the texts of each pair.
        overlap: share of a window's room for post tokens that the next window repeats, 0 to 0.75.
        positions: the longest input that the encoder reads.
    """
    special = tokenizer.num_special_tokens_to_add(pair=True)
    longest = special + max(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in set(criteria))
    check_max_length(max_length, longest, positions)
    check_criteria_are_read(lambda text: tokenizer(text, add_special_tokens=False)["input_ids"], criteria)
    stride = int(overlap * (max_length - longest))
    with_types = "token_type_ids" in tokenizer.model_input_names
    sentences = {post: np.array(sentence_spans(post), dtype=np.int32).reshape(-1, 2) for post in set(posts)}
    ids, types, offsets_of, sentences_of, lengths, pair = [], [], [], [], [], []
    for begin, end in _tokeniser_batches(posts):
        batch = tokenizer(
            list(criteria[begin:end]),
            list(posts[begin:end]),
            truncation="only_second",
            max_length=max_length,
            stride=stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_token_type_ids=with_types,
        )
        trimmed = {post: _offsets_without_white_space(post) for post in set(posts[begin:end])}
        for encoding, sample in zip(batch.encodings, batch["overflow_to_sample_mapping"], strict=True):
            in_post = np.fromiter((s == 1 for s in encoding.sequence_ids), bool, len(encoding.ids))
            offsets = np.asarray(encoding.offsets, dtype=np.int32).reshape(-1, 2)
            ids.append(np.asarray(encoding.ids, dtype=np.int32))
            types.append(np.asarray(encoding.type_ids, dtype=np.int8))
            for edge, moved in enumerate(trimmed[posts[begin + sample]]):
                offsets[in_post, edge] = moved[offsets[in_post, edge]]
            offsets[~in_post] = -1
            offsets_of.append(offsets)
            sentences_of.append(_sentences_of_tokens(offsets[:, 1], sentences[posts[begin + sample]]))
            lengths.append(len(encoding.ids))
            pair.append(begin + sample)
    offsets, bounds = np.concatenate(offsets_of), np.concatenate(sentences_of)
    return Windows(
        ids=np.concatenate(ids),
        types=np.concatenate(types) if with_types else None,
        starts=offsets[:, 0].copy(),
        ends=offsets[:, 1].copy(),
        sentence_starts=bounds[:, 0].copy(),
        sentence_ends=bounds[:, 1].copy(),
        first=np.concatenate([[0], np.cumsum(lengths)]),
        pair=np.asarray(pair, dtype=np.int64),
        n_pairs=len(posts),
    )


def _tokeniser_batches(posts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the bounds of each batch; a batch of one post may have any length."""
    begin = characters = 0
    for i, post in enumerate(posts):
        if i > begin and (i - begin == TOKENISER_BATCH or characters + len(post) > TOKENISER_CHARACTERS):
            yield begin, i
            begin, characters = i, 0
        characters += len(post)
    if posts:
        yield begin, len(posts)


def _offsets_without_white_space(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Where a token starts and where it ends without white space, by its start and end (characters + 1 each).

    Byte-level BPE and Unigram tokenizers count the white space before a word to the word's token.
    """
    starts = np.arange(len(text) + 1, dtype=np.int32)
    ends = starts.copy()
    for found in re.finditer(r"\s+", text):
        starts[found.start() : found.end()] = found.end()
        ends[found.start() + 1 : found.end() + 1] = found.start()
    return starts, ends


def _sentences_of_tokens(ends: np.ndarray, sentences: np.ndarray) -> np.ndarray:
    """(tokens, 2) offsets of the sentence in which each token ends, (-1, -1) outside the post's tokens.

    Args:
        ends: (tokens) where each token ends; -1 outside the post.
        sentences: (sentences, 2), sorted.
    """
    found = np.full((len(ends), 2), -1, dtype=np.int32)
    inside = ends >= 0
    # White space before the first sentence belongs to the first sentence.
    found[inside] = sentences[np.maximum(np.searchsorted(sentences[:, 0], ends[inside], side="left") - 1, 0)]
    return found
