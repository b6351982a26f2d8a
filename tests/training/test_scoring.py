"""Answers on disk, and decisions from answers with pairs of their own."""

from dataclasses import replace

import numpy as np
import pytest

from psy_agents.agents.decoding import Candidates, decode
from psy_agents.training.data import PairData, split_pairs
from psy_agents.training.scoring import Answers, SplitScorer, choose_decisions


def answers_to(data: PairData, seed: int) -> Answers:
    """Probabilities and one candidate a word of each post, at random."""
    rng = np.random.default_rng(seed)
    pair = np.repeat(np.arange(len(data)), [len(text.split()) for text in data.texts])
    start = np.concatenate([np.arange(len(text.split())) * 4 for text in data.texts])
    n = len(pair)
    margin = rng.normal(size=n).astype(np.float32)
    return Answers(rng.random(len(data)), Candidates(pair, start, start + 9, margin, np.ones(n, dtype=np.int64), np.zeros(n, dtype=bool)))


@pytest.fixture
def parts(corpus):
    return split_pairs(corpus, "train"), split_pairs(corpus, "validation")


def test_saved_answers_come_back_to_the_last_bit(parts, tmp_path):
    for answers in (answers_to(parts[0], 0), replace(answers_to(parts[0], 0), probabilities_P=None), Answers(np.array([0.1, 1 / 3]), None)):
        answers.save(tmp_path / "answers.npz")
        found = Answers.load(tmp_path / "answers.npz")
        assert (found.probabilities_P is None) == (answers.probabilities_P is None)
        if answers.probabilities_P is not None:
            np.testing.assert_array_equal(found.probabilities_P, answers.probabilities_P)
        if answers.candidates is not None:
            for name, array in vars(answers.candidates).items():
                np.testing.assert_array_equal(getattr(found.candidates, name), array)
                assert getattr(found.candidates, name).dtype == array.dtype


def test_answers_of_several_seeds_to_a_pair_weigh_as_one_also_in_platts_targets(parts):
    """Platt's targets depend on the number of pairs: five equal answers to each pair are no more evidence than one."""
    data, answers = parts[1], answers_to(parts[1], 1)
    once = choose_decisions(data, answers, [1, 3], calibration="platt", min_support=2)
    together = PairData.concatenate([data] * 5), Answers.concatenate([answers] * 5, [len(data)] * 5)
    options = {"calibration": "platt", "min_support": 2}
    found = choose_decisions(*together, [1, 3], **options, weights_P=np.full(5 * len(data), 0.2))
    assert (found.temperature, found.shift, found.threshold) == pytest.approx((once.temperature, once.shift, once.threshold), rel=1e-6)
    assert found.thresholds == pytest.approx(once.thresholds, rel=1e-6) and once.thresholds
    unweighted = choose_decisions(*together, [1, 3], **options)
    assert unweighted.temperature != pytest.approx(once.temperature, rel=1e-3)


def test_pairs_of_unknown_evidence_have_no_part_in_the_rule(parts):
    """The scorer leaves them out, spans and gold words alike."""
    data, answers = parts[0], answers_to(parts[0], 3)
    unknown = np.arange(len(data)) % 3 == 0
    partly = replace(data, known=~unknown, spans=[[(0, 9)] if flag else spans for flag, spans in zip(unknown, data.spans, strict=True)])
    without = replace(partly, spans=[[] if flag else spans for flag, spans in zip(unknown, data.spans, strict=True)])
    rules = [choose_decisions(each, answers, [1, 3], calibration="none", min_support=None).rule for each in (partly, without)]
    assert rules[0] == rules[1]
    scorer, logits = SplitScorer(partly, [1, 3], 0.5).evidence, answers.criterion_logits_P

    def f1(rule):
        return scorer.score(decode(answers.candidates, rule, len(data), logits))["token_f1"]

    cuts = np.unique(answers.candidates.scores(rules[0].criterion_weight, logits))
    assert f1(rules[0]) == pytest.approx(max(f1(replace(rules[0], threshold=cut)) for cut in cuts))


def test_a_pair_that_was_answered_twice_weighs_as_one(parts):
    """A second, equal answer to the pairs of one part changes nothing once both weigh a half."""
    first, second = (answers_to(data, seed) for seed, data in enumerate(parts))
    options = {"calibration": "temperature", "min_support": 3}
    sizes = [len(data) for data in parts]
    once = choose_decisions(PairData.concatenate(parts), Answers.concatenate([first, second], sizes), [1, 3], **options)
    repeated = PairData.concatenate([*parts, parts[1]]), Answers.concatenate([first, second, second], [*sizes, sizes[1]])
    weights = np.repeat([1.0, 0.5, 0.5], [*sizes, sizes[1]])
    found = choose_decisions(*repeated, [1, 3], **options, weights_P=weights)
    assert found.temperature == pytest.approx(once.temperature)
    assert (found.thresholds.keys(), found.rule.max_spans, found.rule.unit) == (once.thresholds.keys(), once.rule.max_spans, once.rule.unit)
    assert found.threshold == pytest.approx(once.threshold) and found.rule.threshold == pytest.approx(once.rule.threshold)
    assert choose_decisions(*repeated, [1, 3], **options) != once
