"""baselines: corpus -> figures that an agent must beat."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.baselines.nodes import score_baselines
from psy_agents.pipelines.preprocessing import NAMESPACE

PARAMETERS = ("params:baselines", "params:hpo.refit", "params:training")


def create_pipeline() -> Pipeline:
    """One node in the shared namespace."""
    scored = node(score_baselines, inputs=["corpus", *PARAMETERS], outputs="baselines", name="score_baselines")
    return Pipeline([scored], namespace=NAMESPACE, inputs={"corpus"}, outputs={"baselines"}, parameters=set(PARAMETERS))
