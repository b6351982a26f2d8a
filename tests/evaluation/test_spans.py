"""Interval arithmetic against sets of whole numbers; words and sentences by example."""

import re
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
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
    ("text", "words"),
    [
        ("我睡了3个小时，iPhone很烦。", "我 睡 了 3 个 小 时 iPhone 很 烦"),
        ("コーヒーを飲んだ", "コ ー ヒ ー を 飲 ん だ"),
        ("ไม่หลับ", "ไ ม่ ห ลั บ"),
        ("ក្មេង", "ក្ មេ ង"),
        ("मुझे नींद नहीं आती।", "मुझे नींद नहीं आती"),
        ("می\u200cخواهم بخوابم", "می\u200cخواهم بخوابم"),
        ("나는 잠을 못 잔다", "나는 잠을 못 잔다"),
        ("nai\u0308ve, 👩\u200d⚕\ufe0f ok", "nai\u0308ve ok"),
    ],
)
def test_words_of_every_script_are_whole_and_letters_count_where_there_are_no_spaces(text, words):
    assert [text[start:end] for start, end in word_spans(text)] == words.split()


def test_words_and_sentences_of_english_are_what_a_plain_expression_finds():
    texts = pd.read_csv(Path(__file__).parents[2] / "data/01_raw/synthetic/posts.csv")["text"]
    end = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+")
    for text in [*texts, "“Naïve” — 3½ cm² x_1… isn’t\u200b it? Ⓐ ‼ Ünï"]:
        assert word_spans(text).tolist() == [list(match.span()) for match in re.finditer(r"\w+", text)]
        cuts = [text[start:stop].strip() for start, stop in pairwise([0, *(match.end() for match in end.finditer(text)), len(text)])]
        assert [text[start:stop] for start, stop in sentence_spans(text)] == [cut for cut in cuts if cut]


def test_a_word_starts_with_what_python_calls_a_word_character():
    characters = " ".join(map(chr, range(sys.maxunicode + 1)))
    first = {characters[start] for start in word_spans(characters)[:, 0]}
    python = set(re.findall(r"\w", characters))
    assert python <= first
    assert {unicodedata.category(character) for character in first - python} <= {"Cn"}  # letters of a later Unicode than Python's


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("No end\n\n  next line \n", ["No end", "next line"]),
        ("He said “stop.” Then (he left.) He slept.", ["He said “stop.”", "Then (he left.)", "He slept."]),
        ("我睡不着。我很累！！你呢？“好吧。”她说。", ["我睡不着。", "我很累！！", "你呢？", "“好吧。”", "她说。"]),
        ("「眠れない。」と言う。 朝｡夜", ["「眠れない。」", "と言う。", "朝｡", "夜"]),
        ("नींद नहीं आती। मैं थका हूँ॥", ["नींद नहीं आती।", "मैं थका हूँ॥"]),
        ("真的？!Yes. No 3.5。", ["真的？!", "Yes.", "No 3.5。"]),
        ("Wait… what?! 3.5 mg", ["Wait…", "what?!", "3.5 mg"]),
        (" \n ", []),
        ("", []),
    ],
)
def test_sentences_end_at_marks_before_space_at_full_stops_of_other_scripts_and_at_line_breaks(text, sentences):
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


@given(st.text(alphabet='ab.!?…"”)。」 \n', max_size=40))
def test_sentences_hold_every_character_that_is_not_white_space_once(text):
    spans = sentence_spans(text)
    covered = [i for start, end in spans for i in range(start, end)]
    assert len(covered) == len(set(covered))
    assert {i for i, character in enumerate(text) if not character.isspace()} <= set(covered)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
