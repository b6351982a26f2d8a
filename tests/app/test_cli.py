"""Mistakes in options that Kedro itself would answer with a traceback."""

import pytest
from click.testing import CliRunner

from psy_agents.cli import cli, run


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--params", "hpo.refit.seeds=[1"], "--params: a value cannot be read: write lists into a file of conf."),
        (["--params", "hpo.stage0.seed=\udcff"], "--params: a value cannot be read: write lists into a file of conf."),
        (["--runner", "Nobodys"], "--runner Nobodys: there is no such runner: leave --runner out."),
    ],
)
def test_an_option_that_cannot_be_read_ends_in_one_sentence(arguments, sentence):
    assert cli.commands["run"] is run
    ended = CliRunner().invoke(run, arguments, prog_name="kedro run")
    assert (ended.exit_code, ended.output.splitlines()[-1]) == (2, f"Error: {sentence}")
