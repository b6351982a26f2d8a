"""What an export knows of the run and of the corpus, in each environment."""

from __future__ import annotations

import json
import re

import pytest

from psy_agents.app.parameter_errors import Places
from psy_agents.app.parameters import check_parameters
from psy_agents.errors import UserError
from psy_agents.release.config import CorpusDescription


def export_of(session, env=None, **params):
    given = session(env=env, **params)._get_config_loader()["parameters"]
    return check_parameters(given, Places(params, {})).export


def test_it_knows_how_the_run_was_called(session):
    called = export_of(session, "test", agent="joint", preprocessing={"max_posts": 5}, training={"fixed": {"encoder": "a/b"}})
    assert (called.environment, called.given) == ("test", {"preprocessing.max_posts": 5, "training.fixed.encoder": "a/b"})
    plain = export_of(session)
    assert (plain.environment, plain.given) == ("local", {})


def test_an_environment_of_another_corpus_inherits_nothing_that_is_known_of_this_one(session):
    assert export_of(session).corpus_description.languages == ("en",) and export_of(session).agreement is None
    assert export_of(session, "contract_nli").corpus_description == CorpusDescription()
    gated = export_of(session, "redsm5")
    assert gated.agreement.name == "ReDSM5 data agreement" and "psychologist" in gated.corpus_description.labels
    assert gated.corpus_description.languages == (), "its paper's abstract names no language"


def test_safety_critical_criteria_are_criteria(session, project):
    criteria = json.loads((project / "data/01_raw/synthetic/criteria.json").read_text(encoding="utf-8"))
    for env in (None, "redsm5"):
        critical = export_of(session, env).corpus_description.safety_critical
        assert critical and set(critical) <= set(criteria)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"export": {"format": ["onnx"]}}, "export.format: there is no such parameter, did you mean 'formats'"),
        ({"export": {"formats": "onx"}}, "there is no export format onx (there are: onnx)"),
        ({"export": {"onnx": True}}, "onnx is now one of formats: write formats: [onnx] in place of onnx: true"),
        ({"export": {"corpora": {"synthetic": {"languages": ["English!"]}}}}, "export.corpora.synthetic.languages.0: "),
        ({"publish": {"repository": "name"}}, "publish.repository: "),
    ],
)
def test_a_mistake_is_refused_by_its_name(session, params, message):
    with pytest.raises(UserError, match=re.escape(message)):
        export_of(session, **params)
