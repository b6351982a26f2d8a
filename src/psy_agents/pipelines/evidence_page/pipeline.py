"""evidence_page: a refit's predictions on test and the annotation -> one page per agent."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.evidence_page.nodes import show_agent
from psy_agents.pipelines.tags import agent_tag

SHARED = ("corpus", "id_salt")
PARAMETERS = ("params:evidence_page",)


def create_pipeline(agent: str) -> Pipeline:
    """The page of one agent, in the agent's namespace."""
    show = node(
        show_agent(agent),
        inputs=[*SHARED, *PARAMETERS, "refit_summary", "refit_predictions"],
        outputs="evidence_page",
        name="show_evidence",
        tags=agent_tag(agent),
    )
    return Pipeline([show], namespace=agent, inputs=set(SHARED), parameters=set(PARAMETERS))
