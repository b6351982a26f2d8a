"""refit: a stage's best trials -> one tested model an agent."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.refit.nodes import refit_agent
from psy_agents.pipelines.tags import REFIT, agent_tag, candidates_tag, stage_tag

SHARED = ("corpus", "study_store")
PARAMETERS = ("params:bundle.refit",)
OUTPUTS = ("refit_summary", "refit_model", "refit_predictions", "refit_untuned_predictions")


def create_pipeline(agent: str, stages: tuple[str, ...]) -> Pipeline:
    """The refit of one agent, in the agent's namespace.

    Args:
        stages: whose best trials it may confirm; ``hpo.refit.stage`` chooses where there are several.
    """
    refit = node(
        refit_agent(agent, stages),
        inputs=[*SHARED, *PARAMETERS, *(f"hpo_{stage}_topk" for stage in stages)],
        outputs=list(OUTPUTS),
        name="refit",
        tags=[agent_tag(agent), stage_tag(REFIT), *map(candidates_tag, stages)],
    )
    return Pipeline([refit], namespace=agent, inputs=set(SHARED), parameters=set(PARAMETERS))
