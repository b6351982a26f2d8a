"""Samplers are found by their files, read what they are given, and propose the same trials after an interruption."""

import pytest
from pydantic import TypeAdapter, ValidationError
from support.search.search_process import Search

from psy_agents.errors import UserError
from psy_agents.hpo.engine.sampler_registry import SAMPLERS, AnySampler
from psy_agents.hpo.engine.samplers.gp import GaussianProcessSampler
from psy_agents.hpo.engine.samplers.random import Random
from psy_agents.hpo.engine.samplers.tpe import Tpe

SECTION = TypeAdapter(AnySampler)


def test_a_section_is_the_sampler_of_its_name_and_tpe_without_one():
    assert SAMPLERS == {"gp": GaussianProcessSampler, "random": Random, "tpe": Tpe}
    assert SECTION.validate_python("random") == SECTION.validate_python({"name": "random"}) == Random()
    assert SECTION.validate_python({"n_startup_trials": 3}) == Tpe(n_startup_trials=3)


@pytest.mark.parametrize("section", [{"name": "random", "n_startup_trials": 3}, {"name": "random", "n_ei_candidates": 24}])
def test_what_a_sampler_does_not_read_is_refused(section):
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        SECTION.validate_python(section)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_resumed_stage_proposes_what_an_uninterrupted_one_proposes(tmp_path, name):
    section = {"name": name} | ({} if name == "random" else {"n_startup_trials": 2})
    for folder, runs in (("whole", (6,)), ("resumed", (2, 4, 6))):
        (tmp_path / folder).mkdir()
        for n_trials in runs:
            Search(tmp_path / folder).run(n_trials=n_trials, sampler=section)
    whole, resumed = ([trial.params for trial in Search(tmp_path / folder).study().trials] for folder in ("whole", "resumed"))
    assert len(whole) == 6 and whole == resumed


def test_a_sampler_that_keeps_state_is_refused_before_any_trial(tmp_path, monkeypatch):
    monkeypatch.setattr(Random, "keeps_state", True)
    search = Search(tmp_path)
    with pytest.raises(UserError, match="The sampler random remembers more than the study stores, so a resumed stage would propose other"):
        search.run(sampler="random")
    assert search.diary_lines() == []
