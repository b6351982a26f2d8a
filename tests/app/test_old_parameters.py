"""Parameters of version 0.1 are refused with what to write instead."""

from __future__ import annotations

import pytest

from psy_agents.app.old_parameters import NEW_PLACES, old_parameters
from psy_agents.app.parameter_errors import Places
from psy_agents.app.parameters import check_parameters
from psy_agents.errors import UserError


@pytest.mark.parametrize("key", NEW_PLACES, ids=".".join)
def test_every_old_parameter_is_refused_with_the_new_one(key):
    values: dict = {}
    for name in reversed(key):
        values = {name: values or 1}
    assert dict(old_parameters(values)) == {key: NEW_PLACES[key]}
    with pytest.raises(UserError, match="is now called") as refusal:
        check_parameters(values, Places(values, {}))
    assert str(refusal.value) == f"--params {'.'.join(key)} is now called {NEW_PLACES[key]}."


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"schedule": "linear"}, "--params training.fixed.schedule is now called lr_scheduler_type."),
        ({"lr_scheduler_type": "constant"}, "--params training.fixed.lr_scheduler_type: constant is now called constant_with_warmup."),
    ],
)
def test_an_old_hyper_parameter_that_is_fixed_is_refused_with_the_new_one(session, fixed, message):
    given = {"training": {"fixed": fixed}}
    with pytest.raises(UserError) as refusal:
        check_parameters(session(**given)._get_config_loader()["parameters"], Places(given, {}))
    assert str(refusal.value) == message
