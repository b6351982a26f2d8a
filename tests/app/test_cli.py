"""Mistakes in options that Kedro itself would answer with a traceback, and what ``kedro viz`` opens."""

from importlib import import_module

import pytest
from click.testing import CliRunner
from kedro_viz.launchers.cli.main import viz as kedro_viz

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


@pytest.fixture
def viz(session, monkeypatch):
    """``kedro viz`` with a server that only says on which port it listens; what it was given, and what a browser opens."""
    session()
    module, given, opened = import_module("kedro_viz.launchers.cli.run"), [], []

    def serve(**options):
        given.append(options)
        module._VIZ_PROCESSES[4142] = "a process"

    monkeypatch.setattr(module, "_VIZ_PROCESSES", {})
    monkeypatch.setattr(module.run, "callback", serve)
    serve.__module__ = module.__name__
    monkeypatch.setattr("webbrowser.open_new", opened.append)

    def invoke(*arguments):
        ended = CliRunner().invoke(kedro_viz, arguments, prog_name="kedro viz")
        assert ended.exit_code == 0, ended.output
        return ended.output, given[-1], opened

    return invoke


@pytest.mark.parametrize("arguments", [("run", "--pipeline", "full_hpo_all"), ("run", "-p", "hpo_stage0")])
def test_kedro_viz_opens_a_pipeline_of_all_agents_at_its_boxes(viz, arguments):
    printed, given, opened = viz(*arguments)
    address = f"http://127.0.0.1:4142/?pid={arguments[-1]}&types=nodes&expandAllPipelines=false"
    assert opened == [address] and address in printed
    assert (given["pipeline"], given["browser"], given["port"]) == (arguments[-1], False, 4141)


def test_kedro_viz_without_a_browser_only_names_the_address(viz):
    printed, given, opened = viz("run", "--pipeline", "full_hpo_all", "--no-browser")
    assert "http://127.0.0.1:4142/?pid=full_hpo_all" in printed and not opened and not given["browser"]


@pytest.mark.parametrize("arguments", [("run",), ("run", "--pipeline", "preprocessing"), ("run", "--pipeline", "no_such")])
def test_kedro_viz_opens_every_other_pipeline_itself(viz, arguments):
    printed, given, opened = viz(*arguments)
    assert "types=nodes" not in printed and not opened and given["browser"]
