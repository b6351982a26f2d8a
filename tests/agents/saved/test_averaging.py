"""Spans of several agents as one: matched by their characters, with the mean of the margins."""

import numpy as np
import pytest

from psy_agents.agents.decoding import Candidates
from psy_agents.agents.saved.averaging import average_candidates


def candidates(*rows) -> Candidates:
    """Rows of pair, start, end, margin, tokens, sentence."""
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0, dtype=int)] * 6
    return Candidates(*columns[:5], columns[5].astype(bool))


def margins(found: Candidates) -> dict[tuple, float]:
    keys = zip(found.pair.tolist(), found.start.tolist(), found.end.tolist(), found.sentence.tolist(), strict=True)
    by_key = dict(zip(keys, found.margin.tolist(), strict=True))
    assert len(by_key) == len(found.pair), "each span once"
    return by_key


def random_candidates(seed: int) -> Candidates:
    """Each span once: no two begin at the same place."""
    rng = np.random.default_rng(seed)
    starts = rng.permutation(40).tolist()
    return candidates(*((int(rng.integers(5)), start, start + 3, rng.normal(), 1, bool(rng.integers(2))) for start in starts))


def test_spans_that_all_offer_have_the_mean_margin():
    first = candidates((0, 2, 9, 1.0, 2, False), (3, 0, 4, -2.0, 1, True))
    found = average_candidates([first, candidates((0, 2, 9, 4.0, 3, False), (3, 0, 4, 0.0, 1, True))])
    assert margins(found) == {(0, 2, 9, False): 2.5, (3, 0, 4, True): -1.0}
    assert found.tokens.tolist() == [3, 1]


def test_a_span_that_a_member_does_not_offer_has_its_worst_margin_of_the_pair_and_kind():
    first = candidates((0, 0, 5, 6.0, 1, False), (0, 0, 9, 2.0, 2, False), (0, 0, 9, -7.0, 2, True), (1, 0, 5, -9.0, 1, False))
    second = candidates((0, 6, 9, 3.0, 1, False), (0, 0, 9, -1.0, 2, True))
    assert margins(average_candidates([first, second])) == {
        (0, 0, 5, False): pytest.approx((6 + 3) / 2),
        (0, 0, 9, False): pytest.approx((2 + 3) / 2),
        (0, 6, 9, False): pytest.approx((2 + 3) / 2),
        (0, 0, 9, True): -4.0,
        (1, 0, 5, False): -9.0,  # The second offers nothing for this pair.
    }


def test_a_span_of_two_windows_counts_with_the_better_one():
    twice = candidates((0, 0, 5, 1.0, 1, True), (0, 0, 5, 3.0, 1, True))
    assert margins(average_candidates([twice, candidates((0, 0, 5, 5.0, 1, True))])) == {(0, 0, 5, True): 4.0}


def test_one_member_stays_as_it_is_and_none_offers_nothing():
    alone = random_candidates(0)
    assert margins(average_candidates([alone])) == margins(alone) == margins(average_candidates([alone, candidates()]))
    assert len(average_candidates([candidates(), candidates()]).pair) == 0


def test_the_order_of_the_members_is_all_the_same():
    parts = [random_candidates(seed) for seed in range(3)]
    assert margins(average_candidates(parts)) == pytest.approx(margins(average_candidates(parts[::-1])))
