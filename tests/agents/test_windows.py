"""Windows over long posts: nothing is lost, offsets are right, limits are refused."""

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_agents import CRITERIA, ENCODERS, FILLERS, SIGNS

from psy_agents.agents.decoding import DecodingRule, TokenOffsets, decode, window_candidates
from psy_agents.agents.encoders.tokenizer import load_tokenizer
from psy_agents.agents.windows import MIN_POST_TOKENS, tokenise_pairs
from psy_agents.errors import UserError
from psy_agents.evaluation.spans import sentence_spans
from psy_agents.training.data import PairData
from psy_agents.training.step.tables import TrainingTables, sentence_numbers, span_targets
from psy_agents.training.training_data import span_lengths

LONG = " ".join(itertools.islice(itertools.cycle(FILLERS), 20)) + " " + SIGNS["sleep"][0]
TEXTS = [FILLERS[0], LONG, f"Ünïcode — 日本 “quoted” text… {LONG}", "  spaced \n\n out  " + LONG]
CRITERION = CRITERIA["sleep"]


def cut(tokenizer, texts, max_length=40, overlap=0.25):
    return tokenise_pairs(tokenizer, [CRITERION] * len(texts), texts, max_length=max_length, overlap=overlap, positions=64)


def taken(tokenizer):
    """Tokens of a window that the criterion and the special tokens take."""
    return tokenizer.num_special_tokens_to_add(pair=True) + len(tokenizer(CRITERION, add_special_tokens=False)["input_ids"])


def post_tokens(windows, window):
    inside = slice(windows.first[window], windows.first[window + 1])
    in_post = windows.starts[inside] >= 0
    return windows.starts[inside][in_post], windows.ends[inside][in_post], windows.ids[inside][in_post]


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.75])
def test_windows_cover_every_token_with_the_overlap(encoders, kind, overlap):
    tokenizer = load_tokenizer(Path(encoders[kind]))
    windows = cut(tokenizer, TEXTS, overlap=overlap)
    assert windows.n_pairs == len(TEXTS)
    assert (np.diff(windows.pair) >= 0).all()
    assert windows.lengths.max() <= 40
    first = windows.pair_bounds()
    assert first[1] == 1
    stride = int(overlap * (40 - taken(tokenizer)))
    for pair, text in enumerate(TEXTS):
        whole = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids = []
        for window in range(first[pair], first[pair + 1]):
            new = post_tokens(windows, window)[2].tolist()
            if ids and stride:
                assert new[:stride] == ids[-stride:]
            ids += new[stride if ids else 0 :]
        assert ids == whole["input_ids"]
        if pair:
            assert first[pair + 1] - first[pair] > 2


@pytest.mark.parametrize("kind", ENCODERS)
def test_offsets_cut_the_tokens_text(encoders, kind):
    tokenizer = load_tokenizer(Path(encoders[kind]))
    windows = cut(tokenizer, [LONG], overlap=0.0)
    pieces = []
    for window in range(len(windows.pair)):
        starts, ends, ids = post_tokens(windows, window)
        for start, end, token in zip(starts, ends, ids, strict=True):
            pieces.append(LONG[start:end])
            decoded = tokenizer.decode([int(token)]).replace("##", "").strip()
            assert decoded.lower() == pieces[-1].lower()
    assert "".join(pieces) == "".join(LONG.split())


SPACED = "  I was\u00a0tired \n\nall day.  We had\tsoup   for dinner .\n \n“I could not sleep last night.” It rained. "


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_best_possible_span_is_the_annotated_one(encoders, kind):
    tokenizer = load_tokenizer(Path(encoders[kind]))
    windows = tokenise_pairs(tokenizer, [CRITERION], [SPACED], max_length=200, overlap=0.0, positions=200)
    assert len(windows.pair) == 1
    sentences = sentence_spans(SPACED)
    assert len(sentences) >= 4
    tiresome = re.search(r"tired \n\nall", SPACED).span()
    offsets = TokenOffsets(*(each[None] for each in (windows.starts, windows.ends, windows.sentence_starts, windows.sentence_ends)))
    for gold in [*sentences, *(match.span() for match in re.finditer(r"(?<!\S)\w+(?!\S)", SPACED)), tiresome]:
        data = pair_data(SPACED, [gold])
        starts, ends = (torch.from_numpy(targets)[None].float() for targets in span_targets(windows, data))
        rule = DecodingRule(threshold=1.0, max_span_tokens=max(span_lengths(windows, data)))
        assert decode(window_candidates(starts, ends, offsets, windows.pair), rule, 1) == [[tuple(gold)]]


@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra"])
def test_offsets_without_white_space_stay_the_tokenizers(encoders, kind):
    tokenizer = load_tokenizer(Path(encoders[kind]))
    windows = tokenise_pairs(tokenizer, [CRITERION] * 2, [LONG, TEXTS[2]], max_length=2000, overlap=0.0, positions=2000)
    for window, text in enumerate((LONG, TEXTS[2])):
        own = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        starts, ends, _ = post_tokens(windows, window)
        assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == own


@pytest.mark.parametrize("kind", ENCODERS)
def test_criterion_and_special_tokens_are_no_part_of_the_post(encoders, kind):
    tokenizer = load_tokenizer(Path(encoders[kind]))
    windows = cut(tokenizer, [LONG])
    word = tokenizer("soup", add_special_tokens=False)["input_ids"]
    head = tokenizer(CRITERION, "soup")["input_ids"]
    head = [*head[: taken(tokenizer) - 1], *head[taken(tokenizer) - 1 + len(word) :]]
    for window in range(len(windows.pair)):
        inside = slice(windows.first[window], windows.first[window + 1])
        outside = windows.ids[inside][windows.starts[inside] < 0]
        assert outside.tolist() == head


def pair_data(text, spans):
    return PairData(
        criteria={"sleep": CRITERION}, texts=[text], criterion=np.array([0]), labels=np.array([1]), spans=[spans],
        known=np.array([True]), implicit=np.array([False]),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ENCODERS)
def test_span_beyond_the_first_window_is_a_target(encoders, kind):
    tokenizer = load_tokenizer(Path(encoders[kind]))
    windows = cut(tokenizer, [LONG], max_length=60)
    sign = SIGNS["sleep"][0]
    span = (LONG.index(sign), LONG.index(sign) + len(sign))
    tables = TrainingTables(windows, pair_data(LONG, [span]), tokenizer.pad_token_id, torch.device("cpu"))
    batch = tables.batch(np.array([0]))
    starts, ends = batch.start_targets_BT.numpy(), batch.end_targets_BT.numpy()
    assert starts[0].nonzero()[0].tolist() == ends[0].nonzero()[0].tolist() == [0]
    assert not starts[-1, 0]
    at, last = int(starts[-1].argmax()), int(ends[-1].argmax())
    offset = windows.first[-2]
    found = LONG[windows.starts[offset + at] : windows.ends[offset + last]].strip()
    assert sign.endswith(found)
    seen = any(
        not row[0] and LONG[windows.starts[windows.first[w] + row.argmax()] :].strip() == sign
        for w, row in enumerate(starts)
    )
    assert seen
    assert batch.windows.answerable_BT[:, 0].all()
    assert (batch.windows.answerable_BT | ~batch.start_targets_BT).all()
    assert (batch.windows.answerable_BT | ~batch.end_targets_BT).all()


def test_two_spans_and_no_span(encoders):
    tokenizer = load_tokenizer(Path(encoders["bert"]))
    text = "I was tired all day. We had soup for dinner. I was tired all day."
    windows = cut(tokenizer, [text])
    spans = [(0, 20), (45, 65)]
    starts, ends = (np.flatnonzero(targets) for targets in span_targets(windows, pair_data(text, spans)))
    assert [(windows.starts[s], windows.ends[e]) for s, e in zip(starts, ends, strict=True)] == spans
    starts, ends = span_targets(windows, replace(pair_data(text, spans), spans=[[]]))
    assert starts.nonzero()[0].tolist() == ends.nonzero()[0].tolist() == [0]


def test_max_length_limits(encoders):
    tokenizer = load_tokenizer(Path(encoders["bert"]))
    with pytest.raises(UserError, match="at most 64"):
        cut(tokenizer, [LONG], max_length=65)
    least = taken(tokenizer) + MIN_POST_TOKENS
    assert len(cut(tokenizer, [LONG], max_length=least).pair) > 5
    with pytest.raises(UserError, match=f"at least {least}"):
        cut(tokenizer, [LONG], max_length=least - 1)


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_token_knows_its_sentence(encoders, kind):
    windows = cut(load_tokenizer(Path(encoders[kind])), TEXTS)
    outside = windows.starts < 0
    assert (windows.sentence_starts[outside] == -1).all() and (windows.sentence_ends[outside] == -1).all()
    pair = np.repeat(windows.pair, windows.lengths)
    sentences = {number: sentence_spans(text) for number, text in enumerate(TEXTS)}
    for token in np.flatnonzero(~outside):
        bounds = int(windows.sentence_starts[token]), int(windows.sentence_ends[token])
        assert bounds in sentences[pair[token]]
        if TEXTS[pair[token]][windows.starts[token] : windows.ends[token]].strip():
            assert windows.starts[token] < bounds[1] and windows.ends[token] > bounds[0]


def test_sentences_are_numbered_from_zero_in_each_window(encoders):
    windows = cut(load_tokenizer(Path(encoders["bert"])), TEXTS)
    numbers = sentence_numbers(windows)
    assert len(windows.pair) > len(TEXTS)
    for first, after in zip(windows.first[:-1], windows.first[1:], strict=True):
        seen, starts = numbers[first:after], windows.sentence_starts[first:after]
        assert (seen[starts < 0] == -1).all()
        assert seen[starts >= 0].tolist() == np.unique(starts[starts >= 0], return_inverse=True)[1].tolist()
