"""publish: an exported folder -> the Hugging Face hub, after asking."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.publish.nodes import publish_agent
from psy_agents.pipelines.tags import PUBLISHES, agent_tag


def create_pipeline(agent: str) -> Pipeline:
    """One node without output: it uploads the model."""
    publish = node(
        publish_agent,
        inputs=["export_model", "params:publish"],
        outputs=None,
        name="publish",
        tags=[agent_tag(agent), PUBLISHES],
    )
    return Pipeline([publish], namespace=agent, parameters={"params:publish"})
