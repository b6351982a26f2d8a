"""leaderboard: studies, baselines and refits -> the best trial of each agent, stage and encoder."""

from kedro.pipeline import Pipeline, node

from psy_agents.agents.registry import AGENTS
from psy_agents.pipelines.leaderboard.nodes import make_leaderboard


def create_pipeline() -> Pipeline:
    """One node over all agents; it runs at any time after the first stage of a search."""
    inputs = ["corpus", "baselines", "study_store", *(f"{agent}.refit_summary" for agent in AGENTS)]
    return Pipeline([node(make_leaderboard, inputs=inputs, outputs=["leaderboard", "leaderboard_page"], name="make_leaderboard")])
