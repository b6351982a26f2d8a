"""predict: a refitted model and a file of new posts -> probabilities, decisions and evidence."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.predict.nodes import predict_agent
from psy_agents.pipelines.tags import agent_tag


def create_pipeline(agent: str) -> Pipeline:
    """One node, in the agent's namespace."""
    predict = node(
        predict_agent(agent),
        inputs=["refit_model", "params:predict"],
        outputs="predict_output",
        name="predict",
        tags=agent_tag(agent),
    )
    return Pipeline([predict], namespace=agent, parameters={"params:predict"})
