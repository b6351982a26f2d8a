"""Spans from logits, and the decoding rule, against plain enumeration."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from psy_agents.agents.decoding import (
    CRITERION_WEIGHTS,
    SENTENCES,
    TOKENS,
    Candidates,
    DecodingRule,
    TokenOffsets,
    choose_rule,
    decode,
    decode_with_scores,
    suppress_overlaps,
    window_candidates,
)
from psy_agents.evaluation.evidence import EvidenceScorer
from psy_agents.evaluation.spans import Span


def candidates(*rows, sentence=False):
    pair, start, end, margin, tokens = (np.array(column) for column in zip(*rows, strict=True))
    return Candidates(pair, start, end, margin.astype(float), tokens, np.full(len(pair), sentence))


def test_decode_by_hand():
    found = candidates(
        (0, 0, 5, 3.0, 1), (0, 3, 9, 2.9, 2), (0, 10, 15, 2.0, 1), (0, 20, 25, 1.0, 1), (1, 0, 9, 0.5, 3), (2, 0, 90, 9.0, 40)
    )
    assert decode(found, DecodingRule(0.0, 4, 64), 4) == [[(0, 5), (10, 15), (20, 25)], [(0, 9)], [(0, 90)], []]
    assert decode(found, DecodingRule(1.0, 2, 3), 4) == [[(0, 5), (10, 15)], [], [], []]
    assert decode(found, DecodingRule(2.95, 4, 1), 4) == [[(0, 5)], [], [], []]
    assert decode(found, DecodingRule(float("inf"), 4, 64), 4) == [[], [], [], []]


def test_touching_spans_do_not_overlap():
    assert decode(candidates((0, 5, 9, 2.0, 1), (0, 0, 5, 1.0, 1)), DecodingRule(), 1) == [[(0, 5), (5, 9)]]


@pytest.mark.parametrize("seed", range(5))
def test_window_candidates_are_all_spans_of_answerable_tokens(seed):
    rng = np.random.default_rng(seed)
    n, width = 3, 10
    start, end = torch.tensor(rng.normal(size=(2, n, width)), dtype=torch.float32)
    answerable = rng.random((n, width)) < 0.7
    answerable[:, 0] = True
    start[torch.tensor(~answerable)] = -torch.inf
    end[torch.tensor(~answerable)] = -torch.inf
    char_start = np.where(answerable, np.arange(width) * 3, -1)
    char_end = np.where(answerable, np.arange(width) * 3 + 2, -1)
    pair = np.array([0, 0, 1])
    no_sentence = np.full((n, width), -1)
    found = window_candidates(start, end, TokenOffsets(char_start, char_end, no_sentence, no_sentence), pair)
    assert not found.sentence.any()
    got = {
        (p, s, e, t): m
        for p, s, e, m, t in zip(found.pair, found.start, found.end, found.margin, found.tokens, strict=True)
        if p == 1
    }
    expected = {
        (1, 3 * i, 3 * j + 2, j - i + 1): float(start[2, i] + end[2, j] - start[2, 0] - end[2, 0])
        for i, j in itertools.combinations_with_replacement(range(1, width), 2)
        if answerable[2, i] and answerable[2, j]
    }
    assert got.keys() == expected.keys()
    for key, margin in expected.items():
        assert got[key] == pytest.approx(margin, abs=1e-5)


def random_case(seed):
    rng = np.random.default_rng(seed)
    texts = [" ".join(["word"] * 12) for _ in range(4)]
    rows = []
    for pair in range(4):
        for _ in range(10):
            first = int(rng.integers(12))
            last = min(11, first + int(rng.integers(4)))
            rows.append((pair, 5 * first, 5 * last + 4, round(float(rng.normal()), 1), last - first + 1))
    gold = [[], [(0, 14)], [(10, 19), (40, 59)], [(25, 34)]]
    return candidates(*rows), gold, texts


def test_a_span_of_white_space_alone_is_no_candidate():
    """Characters: "ab  cd". The second token is the white space: it starts at the next word and ends after the one before."""
    logits = torch.zeros(1, 4)
    starts, ends, no_sentence = np.array([[-1, 0, 4, 4]]), np.array([[-1, 2, 2, 6]]), np.full((1, 4), -1)
    found = window_candidates(logits, logits, TokenOffsets(starts, ends, no_sentence, no_sentence), np.array([0]))
    spans = sorted(zip(found.start.tolist(), found.end.tolist(), found.tokens.tolist(), strict=True))
    assert spans == [(0, 2, 1), (0, 2, 2), (0, 6, 3), (4, 6, 1), (4, 6, 2)]


@pytest.mark.parametrize("seed", range(5))
def test_every_sentence_is_a_candidate_with_its_best_start_and_end(seed):
    rng = np.random.default_rng(seed)
    start, end = torch.tensor(rng.normal(size=(2, 2, 9)), dtype=torch.float32)
    char_start = np.tile(np.array([-1, -1, 0, 5, 9, 14, 20, 25, -1]), (2, 1))
    sentence_start = np.tile(np.array([-1, -1, 0, 0, 9, 9, 9, 25, -1]), (2, 1))
    sentence_end = np.tile(np.array([-1, -1, 8, 8, 24, 24, 24, 40, -1]), (2, 1))
    start[:, [1, 8]] = end[:, [1, 8]] = -torch.inf
    places = TokenOffsets(char_start, np.where(char_start < 0, -1, char_start + 3), sentence_start, sentence_end)
    found = window_candidates(start, end, places, np.array([4, 7]))
    found = found.take(found.sentence)
    expected = [
        (pair, *chars, float(start[row, columns].max() + end[row, columns].max() - start[row, 0] - end[row, 0]), len(columns))
        for row, pair in enumerate((4, 7))
        for chars, columns in (((0, 8), [2, 3]), ((9, 24), [4, 5, 6]), ((25, 40), [7]))
    ]
    got = list(zip(found.pair, found.start, found.end, found.margin, found.tokens, strict=True))
    assert [each[:3] + each[4:] for each in got] == [each[:3] + each[4:] for each in expected]
    assert [each[3] for each in got] == pytest.approx([each[3] for each in expected], abs=1e-5)


def test_a_rule_of_sentences_gives_sentences_alone():
    found = Candidates.concatenate(
        [candidates((0, 3, 9, 9.0, 2)), candidates((0, 0, 20, 2.0, 90), (0, 20, 30, 1.0, 4), (1, 0, 9, -1.0, 3), sentence=True)]
    )
    assert decode(found, DecodingRule(0.0, 4, 64, SENTENCES), 2) == [[(0, 20), (20, 30)], []]
    assert decode(found, DecodingRule(0.0, 4, 64, TOKENS), 2) == [[(3, 9)], []]


def test_the_criterion_logit_counts_for_or_against_all_spans_of_its_pair():
    found = candidates((0, 0, 5, 1.0, 1), (0, 10, 15, -1.0, 1), (1, 0, 9, 1.0, 3), (2, 0, 9, -5.0, 3))
    rule = DecodingRule(0.0, 4, 64, TOKENS, 2.0)
    assert decode_with_scores(found, rule, 3, np.array([1.0, -1.0, 3.0])) == [[Span(0, 5, 3.0), Span(10, 15, 1.0)], [], [Span(0, 9, 1.0)]]


@pytest.mark.parametrize("seed", range(8))
def test_ranked_spans_are_greedy(seed):
    found, _, _ = random_case(seed)
    ranked = suppress_overlaps(found, TOKENS, 3)
    assert (np.diff(ranked.margin) <= 0).all()
    assert ranked.tokens.max() <= 3
    kept = list(zip(ranked.pair.tolist(), ranked.start.tolist(), ranked.end.tolist(), ranked.margin.tolist(), strict=True))
    for (p, s, e, _), (q, t, f, _) in itertools.combinations(kept, 2):
        assert p != q or e <= t or f <= s
    for p, s, e, m, t in zip(found.pair, found.start, found.end, found.margin, found.tokens, strict=True):
        if t <= 3:
            assert any(p == q and s < f and a < e and better >= m for q, a, f, better in kept)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("with_criterion", [False, True])
def test_chosen_rule_is_the_best_of_all(seed, with_criterion):
    found, gold, texts = random_case(seed)
    halves = [(pair, first, first + 29, margin, 6) for pair in range(4) for first, margin in ((0, 0.3), (30, -0.2))]
    whole = candidates(*halves, sentence=True)
    found = Candidates.concatenate([found, whole])
    logits = np.random.default_rng(seed).normal(size=4) if with_criterion else None
    lengths = [1, 2, 4]
    scorer = EvidenceScorer(texts, gold)

    def f1(rule):
        return scorer.score(decode(found, rule, len(texts), logits))["token_f1"]

    units = [*((TOKENS, length) for length in lengths), (SENTENCES, 4)]
    rules = [
        DecodingRule(float(score), spans, length, unit, weight)
        for weight in (CRITERION_WEIGHTS if with_criterion else (0.0,))
        for score in np.unique(found.scores(weight, logits))
        for spans, (unit, length) in itertools.product((1, 2, 3, 5, 8), units)
    ]
    chosen = choose_rule(found, gold, texts, lengths, logits)
    assert f1(chosen) == pytest.approx(max(map(f1, rules)))
    assert with_criterion or chosen.criterion_weight == 0.0


@pytest.mark.parametrize("seed", range(8))
def test_a_rule_of_spans_that_cut_words_is_the_best_by_the_scorers_count(seed):
    """Tokens are parts of words: several spans touch a word, a span begins inside one, and a span of white space touches none."""
    rng = np.random.default_rng(seed)
    texts = ["un believable, unbelievable; a b c"] * 3 + ["longwordwithout breaks"]
    gold = [[(3, 8)], [(16, 20), (29, 30)], [], [(4, 8)]]
    rows = []
    for pair in range(4):
        for _ in range(14):
            start = int(rng.integers(len(texts[pair]) - 3))
            rows.append((pair, start, start + int(rng.integers(1, 4)), round(float(rng.normal()), 1), 1))
    found, scorer = candidates(*rows), EvidenceScorer(texts, gold)

    def f1(rule):
        return scorer.score(decode(found, rule, len(texts)))["token_f1"]

    rules = [DecodingRule(float(score), spans, 1) for score in np.unique(found.margin) for spans in (1, 2, 3, 5, 8)]
    assert f1(choose_rule(found, gold, texts, [1])) == pytest.approx(max(map(f1, rules)))


@pytest.mark.parametrize("seed", range(4))
def test_a_pair_of_weight_two_counts_as_two_pairs(seed):
    found, gold, texts = random_case(seed)
    times = np.random.default_rng(seed).integers(1, 4, len(texts))
    copies = [found.of_pairs(np.arange(len(texts)) == pair) for pair in np.repeat(np.arange(len(texts)), times)]
    repeated = Candidates.concatenate([replace(each, pair=np.full_like(each.pair, at)) for at, each in enumerate(copies)])
    of_repeated = [[each[pair] for pair in np.repeat(np.arange(len(texts)), times)] for each in (gold, texts)]
    chosen = choose_rule(found, gold, texts, [1, 2, 4], weights_P=times.astype(float))
    assert chosen == choose_rule(repeated, *of_repeated, [1, 2, 4])


def test_without_candidates_nothing_is_evidence():
    found = candidates((0, 0, 4, 1.0, 9))
    rule = choose_rule(found, [[(0, 4)]], ["word"], [1])
    assert decode(found, rule, 1) == [[]]
