"""``python -m psy_agents`` without arguments: the pipelines, agents, environments and commands that there are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psy_agents
from psy_agents.agents.registry import AGENTS, spec
from psy_agents.pipelines.summaries import SUMMARIES

COMMANDS = {
    "kedro run --pipeline hpo_stage0 --params agent=evidence": "a first search, in minutes",
    "kedro run --pipeline full_hpo_all --params dry_run=true": "what a search will take; runs nothing",
    "kedro run --pipeline leaderboard": "what the searches have found so far",
    'python -m psy_agents predict MODEL "text of a post"': "one text with a saved model",
    "kedro viz run --pipeline full_hpo_all": "the pipelines as a graph that can be read",
    "DO_NOT_TRACK=true mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db": "the runs in MLflow",
}
NO_ENVIRONMENTS = {"base", "local", "template"}


def overview(pipelines: Iterable[str], project: Path) -> str:
    """The overview as text.

    Args:
        pipelines: names of all that are registered.
        project: whose folder ``conf`` has the environments; without one they are left out.
    """
    environments = sorted(each.name for each in (project / "conf").glob("*/") if each.name not in NO_ENVIRONMENTS)
    parts = [
        f"psy_agents {psy_agents.__version__}: {psy_agents.__doc__[0].lower()}{psy_agents.__doc__[1:]}",
        _section("Pipelines: kedro run --pipeline NAME", {name: SUMMARIES.get(name, "") for name in pipelines}),
        _section("Agents: --params agent=NAME, agent=ONE+OTHER or agent=all", {name: f"says {spec(name).summary}" for name in AGENTS}),
        *([f"Environments: --env NAME\n  {', '.join(environments)}"] if environments else []),
        _section("Commands", COMMANDS),
    ]
    return "\n\n".join(parts)


def _section(title: str, rows: dict[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in rows.items())])
