"""How many agents run at a time."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf
from support.finished_project import sessions_of
from support.project_copy import copy_project

from psy_agents.app.checks import agents_at_once, registered_nodes
from psy_agents.app.parameter_errors import Places
from psy_agents.app.parameters import check_parameters
from psy_agents.errors import UserError

CLUSTER = {"name": "dask", "scheduler": "tcp://host:8786"}


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    """The parameters of a run without any of its own, as they are read."""
    folder = tmp_path_factory.mktemp("configured") / "project"
    copy_project(folder)
    with pytest.MonkeyPatch.context() as patch:
        yield sessions_of(folder, patch)()._get_config_loader()["parameters"]


@pytest.mark.parametrize(
    ("pipeline", "hpo", "expected"),
    [
        ("full_hpo_all", {}, 1),
        ("full_hpo_all", {"workers": {"executor": "dask"}}, 1),  # This machine's own cluster, which each agent would start.
        ("full_hpo_all", {"workers": {"executor": CLUSTER}}, 4),
        ("full_hpo_all", {"workers": {"executor": CLUSTER}, "stage1": {"workers": {"executor": "local"}}}, 1),
        ("full_hpo_all", {"workers": {"executor": CLUSTER}, "maximal": {"workers": {"executor": "local"}}}, 4),  # It does not run.
        ("full_hpo_all", {"workers": {"executor": CLUSTER}, "agents_at_once": 2}, 2),
        ("full_hpo_all", {"workers": {"executor": CLUSTER}, "agents_at_once": 1}, 1),
        *((pipeline, {"workers": {"executor": CLUSTER}}, 1) for pipeline in ("export", "evidence_page", "report")),
        ("export", {"agents_at_once": 4}, 4),
    ],
)
def test_agents_run_at_once_where_they_run_trials_and_all_over_a_cluster(configuration, pipeline, hpo, expected):
    given = OmegaConf.to_container(OmegaConf.merge(configuration, {"hpo": hpo}))
    assert agents_at_once(registered_nodes([pipeline]), check_parameters(given, Places({}, {}))) == expected


def test_a_run_gets_as_many_agents_at_once(session, untracked, monkeypatch):
    seen = []
    monkeypatch.setattr("psy_agents.app.agent_runner.AgentRunner.run", lambda self, *args, **kwargs: seen.append(self._at_once) or {})
    session(hpo={"workers": {"executor": CLUSTER}, "agents_at_once": 2}).run(pipeline_names=["full_hpo_all"])
    assert seen == [2]


def test_more_agents_at_once_on_this_machine_are_refused(session, untracked, monkeypatch):
    with pytest.raises(UserError, match="hpo.agents_at_once is 4, but the trials of hpo.refit run on this machine: give it a cluster"):
        session(hpo={"agents_at_once": 4}).run(pipeline_names=["full_hpo_all"])
    monkeypatch.setattr("psy_agents.app.agent_runner.AgentRunner.run", lambda *_, **__: {})
    session(hpo={"agents_at_once": 4}).run(pipeline_names=["report"])
