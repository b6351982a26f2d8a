"""Evidence metrics: known cases, and every metric against plain sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.effort import counted

from psy_agents.evaluation.evidence import EvidenceScorer, evidence_metrics, evidence_metrics_of_sums
from psy_agents.evaluation.spans import sentence_spans, word_spans

TEXT = "I cannot sleep. Every day is grey. I eat well."
SLEEP, GREY, EAT = (0, 15), (16, 34), (35, 46)


def test_the_gold_spans_score_one_in_every_metric():
    metrics = evidence_metrics([TEXT, TEXT], [[SLEEP, EAT], []], [[EAT, SLEEP], []])
    assert set(metrics.values()) == {1.0}


def test_predicting_nothing_scores_zero_though_most_pairs_have_no_evidence():
    metrics = evidence_metrics([TEXT] * 20, [[SLEEP], *[[]] * 19], [[]] * 20)
    assert metrics.pop("no_answer_accuracy") == 1.0
    assert set(metrics.values()) == {0.0}


def test_words_are_pooled_over_pairs():
    # Pair 1: 3 gold words, 2 predicted, 2 shared. Pair 2: none gold, 3 predicted.
    metrics = evidence_metrics([TEXT, TEXT], [[SLEEP], []], [[(2, 14)], [EAT]])
    assert metrics["token_precision"] == pytest.approx(2 / 5)
    assert metrics["token_recall"] == pytest.approx(2 / 3)
    assert metrics["token_f1"] == pytest.approx(4 / 8)
    assert metrics["has_answer_f1"] == pytest.approx(4 / 5)
    assert metrics["character_iou"] == pytest.approx(12 / (15 + 11))
    assert metrics["sentence_precision"] == pytest.approx(1 / 2)
    assert metrics["no_answer_accuracy"] == 0.0
    assert (metrics["answer_precision"], metrics["answer_recall"]) == (0.5, 1.0)


def test_a_word_or_sentence_counts_if_a_span_holds_any_of_its_characters():
    metrics = evidence_metrics([TEXT], [[SLEEP]], [[(4, 6)]])
    assert metrics["token_recall"] == pytest.approx(1 / 3)
    assert metrics["sentence_f1"] == 1.0


@pytest.mark.parametrize("text", ["我睡不着觉每天都很累", "眠れない毎日がつらい", "นอนไม่หลับทุกคืน"])
def test_a_prediction_that_shares_no_letter_scores_zero_where_there_are_no_spaces(text):
    metrics = evidence_metrics([text], [[(0, 4)]], [[(4, 8)]])
    assert (metrics["token_f1"], metrics["character_iou"], metrics["sentence_f1"]) == (0, 0, 1)


def test_half_of_a_chinese_span_has_half_of_its_words():
    metrics = evidence_metrics(["我睡不着。我很累。"], [[(0, 4), (5, 8)]], [[(5, 8)]])
    assert metrics["token_precision"] == 1
    assert metrics["token_recall"] == pytest.approx(3 / 7)
    assert metrics["sentence_recall"] == pytest.approx(1 / 2)


def test_overlapping_predictions_count_their_words_once():
    assert evidence_metrics([TEXT], [[SLEEP]], [[(0, 8), (2, 15), (0, 15)]])["token_precision"] == 1.0


def test_an_exact_match_needs_the_same_spans_in_any_order():
    gold = [[SLEEP, GREY]] * 4 + [[]]
    predicted = [[GREY, SLEEP], [(0, 34)], [SLEEP], [SLEEP, GREY, EAT], []]
    assert evidence_metrics([TEXT] * 5, gold, predicted)["exact_match"] == pytest.approx(1 / 4)


def test_a_pair_with_unknown_evidence_is_left_out():
    texts, gold, predicted = [TEXT] * 3, [[SLEEP], [], [EAT]], [[SLEEP], [GREY], []]
    scorer = EvidenceScorer(texts, gold, known=[True, False, True])
    assert scorer.score(predicted) == evidence_metrics([TEXT] * 2, [[SLEEP], [EAT]], [[SLEEP], []])


def test_metrics_of_summed_counts_are_the_metrics_of_the_pairs():
    texts, gold, predicted = [TEXT] * 5, [[SLEEP], [EAT], [], [GREY], []], [[SLEEP, GREY], [], [EAT], [(20, 40)], []]
    counts = EvidenceScorer(texts, gold, known=[True, True, True, True, False]).counts(predicted)
    assert not counts[4].any()
    for rows in ([0], [1, 2], [3, 0, 0, 2], [0, 1, 2, 3]):
        expected = evidence_metrics([TEXT] * len(rows), [gold[i] for i in rows], [predicted[i] for i in rows])
        assert evidence_metrics_of_sums(counts[rows].sum(axis=0)) == pytest.approx(expected)


def test_no_pairs_and_texts_without_words_score_zero():
    assert set(evidence_metrics([], [], []).values()) == {0.0}
    assert evidence_metrics(["…"], [[(0, 1)]], [[(0, 1)]])["token_f1"] == 0.0
    assert evidence_metrics(["…"], [[(0, 1)]], [[(0, 1)]])["character_iou"] == 1.0


def test_spans_without_characters_are_no_answer():
    metrics = evidence_metrics([TEXT, TEXT], [[SLEEP], []], [[SLEEP], [(3, 3)]])
    assert metrics["no_answer_accuracy"] == 1.0


@pytest.mark.parametrize("span", [(-1, 3), (40, 47)])
def test_spans_outside_the_post_are_refused(span):
    with pytest.raises(ValueError, match="outside its post"):
        evidence_metrics([TEXT], [[SLEEP]], [[span]])


def test_a_prediction_is_needed_for_every_pair():
    with pytest.raises(ValueError, match="1 predictions for 2 pairs"):
        evidence_metrics([TEXT, TEXT], [[], []], [[]])


def ratio(part, whole):
    return part / whole if whole else 0.0


def by_sets(texts, gold, predicted):
    """The definitions, with a set of (pair, position) for each kind of unit."""

    def touched(units_of, spans_of_pairs):
        return {
            (i, j)
            for i, (text, spans) in enumerate(zip(texts, spans_of_pairs, strict=True))
            for j, (start, end) in enumerate(units_of(text))
            if any(s < end and start < e for s, e in spans)
        }

    def characters(text):
        return [(i, i + 1) for i in range(len(text))]

    gold = [{span for span in spans if span[0] < span[1]} for spans in gold]
    predicted = [{span for span in spans if span[0] < span[1]} for spans in predicted]
    metrics = {}
    for name, units_of in (("token", word_spans), ("sentence", sentence_spans)):
        g, p = touched(units_of, gold), touched(units_of, predicted)
        metrics[f"{name}_precision"] = ratio(len(g & p), len(p))
        metrics[f"{name}_recall"] = ratio(len(g & p), len(g))
        metrics[f"{name}_f1"] = ratio(2 * len(g & p), len(p) + len(g))
    g, p = touched(characters, gold), touched(characters, predicted)
    metrics["character_iou"] = ratio(len(g & p), len(g | p))
    answerable = [i for i, spans in enumerate(gold) if spans]
    answered = [i for i, spans in enumerate(predicted) if spans]
    g, p = touched(word_spans, gold), touched(word_spans, predicted)
    f1 = []
    for i in answerable:
        gi, pi = {x for x in g if x[0] == i}, {x for x in p if x[0] == i}
        f1.append(ratio(2 * len(gi & pi), len(gi) + len(pi)))
    both = set(answerable) & set(answered)
    return metrics | {
        "has_answer_f1": ratio(sum(f1), len(f1)),
        "exact_match": ratio(sum(gold[i] == predicted[i] for i in answerable), len(answerable)),
        "no_answer_accuracy": ratio(len(texts) - len({*answerable, *answered}), len(texts) - len(answerable)),
        "answer_precision": ratio(len(both), len(answered)),
        "answer_recall": ratio(len(both), len(answerable)),
        "answer_f1": ratio(2 * len(both), len(answered) + len(answerable)),
    }


@st.composite
def scored_pairs(draw):
    pool = draw(st.lists(st.text(alphabet="ab .\n", max_size=14), min_size=1, max_size=3))
    texts = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=6))

    def spans():
        return [
            draw(st.lists(st.tuples(*[st.integers(0, len(text))] * 2).map(sorted).map(tuple), max_size=3)) for text in texts
        ]

    return texts, spans(), spans()


@settings(max_examples=300, deadline=None)
@given(scored_pairs())
def test_every_metric_equals_its_definition_by_sets(case):
    assert evidence_metrics(*case) == pytest.approx(by_sets(*case))


def test_scoring_thousands_of_pairs_calls_no_function_per_pair():
    rng = np.random.default_rng(0)
    posts = [" ".join(f"word{i}" for i in rng.integers(0, 99, 200)) + "." for _ in range(500)]
    texts = [post for post in posts for _ in range(9)]
    gold = [[(0, 50), (80, 120)] if i % 7 == 0 else [] for i in range(len(texts))]
    predicted = [[(10, 60)] if i % 3 == 0 else [] for i in range(len(texts))]
    scorer = EvidenceScorer(texts, gold)
    _, calls = counted(lambda: scorer.score(predicted))
    assert calls < len(texts)
