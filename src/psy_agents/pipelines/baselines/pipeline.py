"""baselines: pairs and splits -> figures that an agent must beat."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.baselines.nodes import score_baselines
from psy_agents.pipelines.preprocessing import NAMESPACE

INPUTS = ["posts", "pairs", "splits", "criteria"]


def create_pipeline() -> Pipeline:
    """One node, which runs with whichever agent."""
    scored = node(score_baselines, inputs=INPUTS, outputs="baselines", name="score_baselines")
    return Pipeline([scored], namespace=NAMESPACE, inputs=set(INPUTS), outputs={"baselines"})
