"""A post without its text: blocks of five words, and the blocks that spans cover.

The lengths of a post's words, in order, can identify the post and help to guess its words. The lengths of its sentences can
identify it too. The page therefore shows only the number of blocks. Blocks are counted from the first word; sentences,
lines, punctuation and characters do not affect them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psy_agents.evaluation.spans import Offsets, touched_units

WORDS_A_BLOCK = 5


def n_blocks(n_words: int) -> int:
    """Number of blocks for a number of words. The last block may hold fewer than five words."""
    return -(-n_words // WORDS_A_BLOCK)


def block_flags(words: np.ndarray, spans: Sequence[Offsets]) -> np.ndarray:
    """Which blocks lie in spans.

    A block lies in a span that holds more than half of its words, so two spans in one block share a word. A span that
    holds more than half of no block is shown by the block with most of its words.

    Args:
        words: (words, 2) character offsets.
        spans: character offsets. A span that touches no word is left out.

    Returns:
        (blocks) bool.
    """
    starts = np.arange(n_blocks(len(words))) * WORDS_A_BLOCK
    ends = np.minimum(starts + WORDS_A_BLOCK, len(words))
    flags = np.zeros(len(starts), dtype=bool)
    for start, end in spans:
        low, high = touched_units(words, start, end)
        if low >= high or start >= end:
            continue
        shared = np.minimum(high, ends) - np.maximum(low, starts)
        held = 2 * shared > ends - starts
        flags |= held
        if not held.any():
            flags[shared.argmax()] = True
    return flags


def character_flags(n_characters: int, spans: Sequence[Offsets]) -> np.ndarray:
    """(characters) bool: which characters lie in spans."""
    flags = np.zeros(n_characters, dtype=bool)
    for start, end in spans:
        flags[start:end] = True
    return flags


def runs(kinds: np.ndarray) -> list[tuple[int, int, int]]:
    """Start, end and kind of each run of equal kinds. Runs of kind 0 (in no span) are left out.

    Args:
        kinds: (units) whole numbers.
    """
    cuts = np.flatnonzero(np.diff(kinds)) + 1
    starts, ends = [0, *cuts.tolist()], [*cuts.tolist(), len(kinds)]
    return [(start, end, int(kinds[start])) for start, end in zip(starts, ends, strict=True) if start < end and kinds[start]]
