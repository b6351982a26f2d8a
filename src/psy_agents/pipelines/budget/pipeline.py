"""budget: what earlier studies took, or a minute of training steps -> what a run of all agents will take."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.budget.nodes import estimate_budget
from psy_agents.pipelines.bundles import budget_name

SHARED = ["corpus", "study_store"]
NAMESPACE = "budget"
"""Not the preprocessing's: kedro-viz would draw it as fed by the studies, which it feeds, and drop the layers."""


def create_pipeline(stages: tuple[str, ...]) -> Pipeline:
    """One node, which runs before the agents.

    Args:
        stages: keys below ``hpo`` in the parameters.
    """
    parameters = [f"params:{budget_name(stages)}"]
    estimated = node(estimate_budget, inputs=[*SHARED, *parameters], outputs="hpo_budget", name="estimate_budget")
    return Pipeline([estimated], namespace=NAMESPACE, inputs=set(SHARED), outputs={"hpo_budget"}, parameters=set(parameters))
