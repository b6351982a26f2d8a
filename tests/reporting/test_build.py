"""What the report says of the choice of the winner."""

from types import SimpleNamespace

import numpy as np
import pytest

from psy_agents.reporting.build import mean_of_other_seeds_choice, untuned_winners


def test_each_seed_scores_the_candidate_that_the_other_seeds_choose():
    """Worked out by hand: without seed 1, B is best (0.6); without 2, A (0.65); without 3, B (0.65)."""
    a, b = (0.9, 0.5, 0.4), (0.5, 0.8, 0.4)
    assert mean_of_other_seeds_choice([a, b]) == pytest.approx((0.5 + 0.5 + 0.4) / 3)


@pytest.mark.parametrize("values", [[(0.5, 0.6)], [(0.5,), (0.6,)], [(0.5, 0.6), (0.5, None)], [(0.5, 0.6), (0.5,)]])
def test_it_is_unknown_without_two_whole_candidates_and_seeds(values):
    assert mean_of_other_seeds_choice(values) is None


def test_it_has_no_optimism_where_the_winners_mean_has():
    """Five candidates of true quality 0.5, five seeds, noise of 0.05: the highest mean is 0.026 too high."""
    rng = np.random.default_rng(0)
    draws = rng.normal(0.5, 0.05, (2000, 5, 5))
    winners = draws.mean(axis=2).max(axis=1).mean()
    others = np.mean([mean_of_other_seeds_choice(draw.tolist()) for draw in draws])
    assert winners - 0.5 == pytest.approx(0.026, abs=0.002)
    assert others == pytest.approx(0.5, abs=0.002)


def test_an_untuned_agent_is_compared_only_where_it_is_another_model():
    """Where it is the winner it is the same model, unless the agent is an ensemble."""

    def refit(is_winner, ensemble=None):
        untuned = None if is_winner is None else SimpleNamespace(is_winner=is_winner)
        return SimpleNamespace(summary=SimpleNamespace(untuned=untuned, ensemble=ensemble))

    refits = {"criteria": refit(True), "evidence": refit(False), "share": refit(None), "joint": refit(True, ensemble="seeds")}
    assert untuned_winners(refits) == ["criteria"]
