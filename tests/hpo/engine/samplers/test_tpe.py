"""TPE draws each parameter by itself by default, and draws what it drew when this was written."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from pydantic import ValidationError

from psy_agents.hpo.engine.samplers.tpe import Tpe
from psy_agents.hpo.space.search_space import SearchSpace

SPACE = SearchSpace.from_config(
    {
        "rate": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True},
        "layers": {"type": "int", "low": 1, "high": 12},
        "loss": {"type": "categorical", "choices": ["plain", "focal"]},
        "gamma": {"type": "float", "low": 0.0, "high": 4.0, "when": {"loss": ["focal"]}},
        "alpha": {"type": "float", "low": 0.0, "high": 1.0, "when": {"loss": ["focal"]}},
    },
    {"rate": 1e-3, "layers": 4, "loss": "plain", "gamma": 2.0, "alpha": 0.25},
)


def observed(sampler: Tpe) -> optuna.Study:
    """Thirty complete trials whose best rates go with their layers, and a running one, before a proposal."""
    study = optuna.create_study(direction="maximize", sampler=sampler.build(18, SPACE))
    for number in range(31):
        exponent, layers = (number * 7 % 30) / 29, 1 + number * 5 % 12
        params = {"rate": 1e-5 * 10 ** (4 * exponent), "layers": layers, "loss": "focal" if number % 8 else "plain"}
        if number % 8:
            params |= {"gamma": number * 11 % 31 / 31 * 4, "alpha": number * 13 % 31 / 31}
        value = -abs(exponent - layers / 12) - abs(params.get("gamma", 0.0) / 4 - params.get("alpha", 1.0))
        state = {"value": value} if number < 30 else {"state": TrialState.RUNNING}
        study.add_trial(create_trial(params=params, distributions=SPACE.distributions(params), **state))
    return study


def proposed(sampler: Tpe) -> dict:
    return SPACE.suggest(observed(sampler).ask())


def relative(sampler: Tpe) -> dict:
    """What the sampler draws jointly."""
    return observed(sampler).ask().relative_params


def test_no_parameter_is_drawn_jointly_unless_multivariate_is_set():
    assert relative(Tpe()) == {}
    assert set(relative(Tpe(multivariate=True))) == {"rate", "layers", "loss"}
    assert set(relative(Tpe(multivariate=True, group=True))) == {"rate", "layers", "loss", "gamma", "alpha"}


FIXED = [
    ({}, {"rate": 0.00013883711431805906, "layers": 4, "loss": "plain"}),
    (
        {"multivariate": True},
        {"rate": 0.0009146541673153289, "layers": 4, "loss": "focal", "gamma": 1.3800129353734016, "alpha": 0.3261858106810638},
    ),
    (
        {"multivariate": True, "group": True},
        {"rate": 0.0009146541673153289, "layers": 4, "loss": "focal", "gamma": 1.4021200687521076, "alpha": 0.25963166596643883},
    ),
    ({"constant_liar": False}, {"rate": 0.00013799271106968052, "layers": 4, "loss": "plain"}),
    (
        {"n_ei_candidates": 3},
        {"rate": 0.001386536504874111, "layers": 7, "loss": "focal", "gamma": 1.1652474521131224, "alpha": 0.4745258383263417},
    ),
    ({"n_startup_trials": 31}, {"rate": 0.00399481771383187, "layers": 7, "loss": "plain"}),
]


@pytest.mark.parametrize(("settings", "expected"), FIXED)
def test_each_setting_proposes_what_it_did_with_this_version_of_optuna(settings, expected):
    """Where this fails, Optuna draws differently: say so in the changelog, since searches cannot be repeated across it."""
    assert proposed(Tpe(**settings)) == pytest.approx(expected)


def test_every_setting_changes_the_proposal():
    assert len({tuple(sorted(expected.items())) for _, expected in FIXED}) == len(FIXED)


def test_groups_without_joint_draws_are_refused_in_a_sentence():
    with pytest.raises(ValidationError, match="group needs multivariate: true, because only joint draws have groups: set both, or"):
        Tpe(group=True)
