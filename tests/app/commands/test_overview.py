"""`python -m psy_agents` without arguments names every pipeline, agent and environment."""

from __future__ import annotations

from pathlib import Path

from psy_agents.__main__ import command
from psy_agents.agents.registry import AGENTS
from psy_agents.app.commands.overview import overview
from psy_agents.pipeline_registry import register_pipelines
from psy_agents.pipelines.summaries import SUMMARIES

ROOT = Path(__file__).parents[3]


def test_the_overview_names_pipelines_agents_environments_and_commands(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    command([])
    lines = capsys.readouterr().out.splitlines()
    assert set(SUMMARIES) == set(register_pipelines())
    first = {line.split()[0] for line in lines if line.startswith("  ")}
    assert first >= {*SUMMARIES, *AGENTS, "python", "kedro"}
    assert "  contract_nli, redsm5, test" in lines
    assert max(map(len, lines)) <= 140


def test_elsewhere_environments_are_left_out(tmp_path):
    assert "Environments" not in overview(SUMMARIES, tmp_path)
