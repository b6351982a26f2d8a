"""Interval arithmetic against sets of whole numbers; words and sentences by example."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psy_agents.evaluation.spans import covered_length_below, merge, overlap_lengths, sentence_spans, word_spans

intervals = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted), max_size=8)


def as_arrays(spans):
    array = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def numbers(spans):
    return {number for start, end in spans for number in range(start, end)}


@given(intervals)
def test_merging_keeps_the_numbers_and_leaves_gaps_between_sorted_intervals(spans):
    starts, ends = merge(*as_arrays(spans))
    assert numbers(zip(starts, ends, strict=True)) == numbers(spans)
    assert (ends > starts).all()
    assert (starts[1:] > ends[:-1]).all()


@given(intervals, intervals)
def test_overlap_lengths_count_the_numbers_in_both(a, b):
    left, right = merge(*as_arrays(a)), merge(*as_arrays(b))
    expected = [len(numbers([span]) & numbers(b)) for span in zip(*left, strict=True)]
    assert overlap_lengths(left, right).tolist() == expected


@given(intervals, st.integers(0, 35))
def test_covered_length_below_counts_the_covered_numbers_below_a_point(spans, point):
    covered = covered_length_below(np.array([point]), *merge(*as_arrays(spans)))
    assert covered.tolist() == [len({number for number in numbers(spans) if number < point})]


def test_words_are_runs_of_word_characters():
    text = "Can't — naïve_2  süß!"
    assert [text[start:end] for start, end in word_spans(text)] == ["Can", "t", "naïve_2", "süß"]
    assert word_spans(" … ").shape == (0, 2)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("No end\n\n  next line \n", ["No end", "next line"]),
        ("He said “stop.” Then (he left.) He slept.", ["He said “stop.”", "Then (he left.)", "He slept."]),
        ("Wait… what?! 3.5 mg", ["Wait…", "what?!", "3.5 mg"]),
        (" \n ", []),
        ("", []),
    ],
)
def test_sentences_end_at_marks_before_space_and_at_line_breaks(text, sentences):
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


@given(st.text(alphabet='ab.!?…"”) \n', max_size=40))
def test_sentences_hold_every_character_that_is_not_white_space_once(text):
    spans = sentence_spans(text)
    covered = [i for start, end in spans for i in range(start, end)]
    assert len(covered) == len(set(covered))
    assert {i for i, character in enumerate(text) if not character.isspace()} <= set(covered)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
