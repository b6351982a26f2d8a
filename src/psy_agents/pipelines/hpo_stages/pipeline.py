"""hpo_stage0 and its successors: one node an agent and stage."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.hpo_stages.nodes import stage_search

SHARED = ("posts", "pairs", "sentences", "splits", "criteria", "baselines")


def create_pipeline(stage: str, agent: str, size: str = "small") -> Pipeline:
    """The stage for one agent, in the agent's namespace.

    Args:
        stage: key below ``hpo`` in the parameters, such as stage0.
        size: which search space, small or large.
    """
    parameters = [f"params:hpo.{stage}", "params:training", "params:search_space", "params:hpo.paths"]
    search = node(
        stage_search(agent, size),
        inputs=[*SHARED, *parameters],
        outputs=[f"hpo_{stage}_topk", f"hpo_{stage}_history"],
        name=f"search_{stage}",
    )
    return Pipeline([search], namespace=agent, inputs=set(SHARED), parameters=set(parameters))
