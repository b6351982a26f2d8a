"""export: a refitted agent and what is known of it -> a folder to give away."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.export.nodes import export_agent
from psy_agents.pipelines.tags import agent_tag

SHARED = ("corpus", "data_quality", "study_store")
PARAMETERS = ("params:bundle.export",)
REFIT = ("refit_model", "refit_summary", "refit_predictions")


def create_pipeline(agent: str) -> Pipeline:
    """The export of one agent, in the agent's namespace."""
    export = node(
        export_agent(agent),
        inputs=[*SHARED, *PARAMETERS, *REFIT],
        outputs="export_model",
        name="export",
        tags=agent_tag(agent),
    )
    return Pipeline([export], namespace=agent, inputs=set(SHARED), parameters=set(PARAMETERS))
