"""Blocks of five words stand for a post: they say where spans lie, and nothing of words, sentences or characters."""

import numpy as np
import pytest

from psy_agents.evaluation.spans import word_spans
from psy_agents.reporting.evidence_page.redaction import block_flags, character_flags, n_blocks, runs

TEXT = " ".join(f"w{number:02}" for number in range(13))  # Three characters a word; blocks of 5, 5 and 3 words.
WORDS = word_spans(TEXT)


def span(first, last):
    """Characters from one word to another."""
    return int(WORDS[first, 0]), int(WORDS[last, 1])


@pytest.mark.parametrize(("words", "blocks"), [(0, 0), (1, 1), (5, 1), (6, 2), (13, 3)])
def test_five_words_are_a_block_and_the_last_one_may_have_fewer(words, blocks):
    assert n_blocks(words) == blocks


@pytest.mark.parametrize(
    ("spans", "flags"),
    [
        ([], "..."),
        ([span(0, 12)], "###"),
        ([span(2, 6)], "#.."),  # Three of the first five words, two of the next.
        ([span(3, 7)], ".#."),
        ([span(3, 6)], "#.."),  # Two and two: the first of those with most.
        ([span(11, 12)], "..#"),  # Two of the last three.
        ([span(4, 4)], "#.."),
        ([span(0, 0), span(12, 12)], "#.#"),
        ([(3, 4)], "..."),  # A space is no word.
        ([(5, 5)], "..."),
    ],
)
def test_a_block_lies_in_a_span_that_holds_most_of_its_words(spans, flags):
    assert "".join(".#"[int(flag)] for flag in block_flags(WORDS, spans)) == flags


def test_two_long_spans_never_share_a_block_unless_they_share_a_word():
    for border in range(3, 10):
        both = block_flags(WORDS, [span(0, border - 1)]) & block_flags(WORDS, [span(border, 12)])
        assert not both.any(), border


def test_texts_of_the_same_number_of_words_look_the_same():
    other = " ".join("x" * (number % 9 + 1) + ".\n" * (number % 2) for number in range(13))
    spans = [tuple(word_spans(other)[[5, 9], [0, 1]].tolist())]
    assert block_flags(word_spans(other), spans).tolist() == block_flags(WORDS, [span(5, 9)]).tolist()


def test_runs_are_stretches_of_one_kind():
    assert runs(np.array([0, 1, 1, 3, 0, 2])) == [(1, 3, 1), (3, 4, 3), (5, 6, 2)]
    assert runs(np.array([], dtype=int)) == runs(np.array([0, 0])) == []
    assert character_flags(4, [(1, 2), (1, 3)]).tolist() == [False, True, True, False]
