"""MLflow has the command and the parameters of a run as a user writes them."""

from __future__ import annotations

import shlex

import pytest

from psy_agents.app.hooks.tracked_run import plain_parameters
from psy_agents.app.hooks.tracking import kedro_command
from psy_agents.hpo.refit.config import RefitConfig


@pytest.mark.parametrize(
    ("run", "environment", "command"),
    [
        ({"pipeline_names": ["hpo_stage0"], "namespaces": ["preprocessing", "evidence"]}, {},
         "kedro run --pipelines hpo_stage0 --params agent=evidence"),
        ({"pipeline_names": ["hpo_stage0"], "namespaces": ["preprocessing"], "only_missing_outputs": True}, {},
         "kedro run --pipelines hpo_stage0 --namespaces preprocessing --only-missing-outputs"),
        ({"pipeline_names": ["hpo_stage0", "refit"], "env": "redsm5", "node_names": ["a.b"],
          "runtime_params": {"hpo": {"stage0": {"n_trials": 3}, "encoder": "my encoder"}}},
         {"HPO_EPOCHS": "2", "HOME": "/root"},
         "HPO_EPOCHS=2 kedro run --env redsm5 --pipelines hpo_stage0,refit --nodes a.b "
         "--params 'hpo.stage0.n_trials=3,hpo.encoder=my encoder'"),
    ],
)  # fmt: skip
def test_the_whole_command_can_be_copied(run, environment, command):
    assert kedro_command(run, environment) == command
    assert shlex.split(command)


def test_parameters_are_plain_values_under_plain_names():
    found = plain_parameters({"hpo.refit": RefitConfig(), "report": {"seed": 0}, "odd(name)": "x" * 600})
    assert found["hpo.refit.seeds"] == "11, 23, 47, 83, 131" and found["hpo.refit.resplit"] == "True" and found["report.seed"] == "0"
    assert len(found["odd_name_"]) == 500 and not any("RefitConfig" in value for value in found.values())
