"""Errors keep their parts on the way from one process to another."""

import pickle

import pytest

from psy_agents.errors import ParameterError, RenamedParameter


@pytest.mark.parametrize(
    ("kind", "problem", "sentence"),
    [
        (ParameterError, "it must be positive", "hpo.trials: it must be positive."),
        (RenamedParameter, "hpo.n_trials", "hpo.trials is now called hpo.n_trials."),
    ],
)
def test_a_parameter_error_keeps_its_type_key_and_sentence_when_it_is_pickled(kind, problem, sentence):
    error = pickle.loads(pickle.dumps(kind(("hpo", "trials"), problem)))
    assert (type(error), error.key, error.problem, str(error)) == (kind, ("hpo", "trials"), problem, sentence)
    assert error.sentence("--params hpo.trials") == f"--params {sentence}"
