"""hpo_stage0, hpo_stage1, hpo_stage2 and maximal_hpo: one node an agent and stage."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.hpo_stages.nodes import search_agent
from psy_agents.pipelines.tags import agent_tag, stage_tag

SHARED = ("corpus", "baselines", "study_store")


def create_pipeline(agent: str, stage: str, parent: str | None = None) -> Pipeline:
    """The stage for one agent, in the agent's namespace.

    Args:
        stage: key below ``hpo`` in the parameters, such as stage0.
        parent: the stage from whose best trials this one's space may be refined.
    """
    parameters = [f"params:bundle.{stage}"]
    search = node(
        search_agent(agent),
        inputs=[*SHARED, *parameters, *([] if parent is None else [f"hpo_{parent}_topk"])],
        outputs=[f"hpo_{stage}_topk", f"hpo_{stage}_history"],
        name=f"search_{stage}",
        tags=[agent_tag(agent), stage_tag(stage)],
    )
    return Pipeline([search], namespace=agent, inputs=set(SHARED), parameters=set(parameters))
