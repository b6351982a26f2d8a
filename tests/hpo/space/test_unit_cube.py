"""A configuration becomes a point and a draw, and a draw becomes a configuration."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.space.unit_cube import UnitCube

SPACE = SearchSpace.from_config(
    {
        "rate": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True},
        "overlap": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.25},
        "depth": {"type": "int", "low": 0, "high": 2},
        "rank": {"type": "int", "low": 4, "high": 64, "log": True},
        "width": {"type": "categorical", "choices": [128, 256], "when": {"depth": [1, 2]}},
        "flag": {"type": "categorical", "choices": ["a", True, False]},
        "gamma": {"type": "float", "low": 0.0, "high": 4.0, "when": {"width": [256], "flag": [True, False]}},
    },
    {"rate": 1e-3, "overlap": 0.0, "depth": 0, "rank": 8, "width": 128, "flag": "a", "gamma": 2.0},
)
CUBE = UnitCube(SPACE)
DRAWS = np.random.default_rng(0).random((3000, len(SPACE.parameters)))


def random_configurations(count: int) -> list[dict]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [SPACE.suggest(study.ask()) for _ in range(count)]


def test_the_draw_of_a_configuration_gives_it_back():
    for params in random_configurations(300):
        found = CUBE.configuration(CUBE.draw(params))
        assert found | {"rate": 0, "gamma": 0} == params | {"rate": 0, "gamma": 0}
        assert all(type(found[name]) is type(params[name]) for name in found)
        assert all(found[name] == pytest.approx(params[name], rel=1e-9, abs=1e-12) for name in ("rate", "gamma") if name in params)


def test_every_draw_gives_a_configuration_of_the_space():
    for draw in DRAWS[:300]:
        params = CUBE.configuration(draw)
        assert SPACE.complete(params) == params


def test_the_points_of_draws_are_those_of_their_configurations():
    expected = [CUBE.point(CUBE.configuration(draw)) for draw in DRAWS[:300]]
    np.testing.assert_allclose(CUBE.points(DRAWS[:300]), expected, atol=1e-12)


def test_uniform_draws_are_random_search():
    """Whole numbers are equally likely, on a log scale by their share of it; so are choices, and the middles of ranges."""
    found = [CUBE.configuration(draw) for draw in DRAWS]
    assert np.bincount([params["depth"] for params in found]) / len(found) == pytest.approx([1 / 3] * 3, abs=0.03)
    assert np.mean([params["flag"] is True for params in found]) == pytest.approx(1 / 3, abs=0.03)
    assert np.mean([params["rate"] < 1e-3 for params in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([params["rank"] < 16 for params in found]) == pytest.approx(np.log(15.5 / 3.5) / np.log(64.5 / 3.5), abs=0.03)


def test_ends_are_zero_and_one_and_unused_numbers_are_in_the_middle():
    low = {"rate": 1e-5, "overlap": 0.0, "depth": 0, "rank": 4, "flag": "a"}
    high = {"rate": 1e-1, "overlap": 0.5, "depth": 2, "rank": 64, "width": 256, "flag": True, "gamma": 4.0}
    corner = 0.5**0.5
    assert CUBE.point(low) == pytest.approx([0, 0, 0, 0, 0, 0, corner, 0, 0, 0.5])
    assert CUBE.point(high) == pytest.approx([1, 1, 1, 1, 0, corner, 0, corner, 0, 1])
    assert CUBE.owner.tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 5, 6]


def test_two_choices_are_as_far_apart_as_the_ends_of_a_range():
    base = {"rate": 1e-5, "overlap": 0.0, "depth": 0, "rank": 4, "flag": "a"}
    for other in ({"flag": True}, {"flag": False}, {"rate": 1e-1}):
        assert np.linalg.norm(CUBE.point(base) - CUBE.point(base | other)) == pytest.approx(1)


def test_a_configuration_of_an_earlier_space_may_lack_parameters():
    assert CUBE.point({"rate": 1e-3}) == pytest.approx([0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0, 0.5])
