"""hpo_stage0, hpo_stage1, hpo_stage2 and maximal_hpo: one node an agent and stage."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.hpo_stages.nodes import stage_search

SHARED = ("posts", "pairs", "sentences", "splits", "criteria", "baselines", "study_store")
PARENTS = {"stage1": "stage0", "stage2": "stage1"}
"""The stage from whose best trials a stage's space may be refined."""


def create_pipeline(stage: str, agent: str) -> Pipeline:
    """The stage for one agent, in the agent's namespace.

    Args:
        stage: key below ``hpo`` in the parameters, such as stage0.
    """
    parameters = [f"params:hpo.{stage}", "params:training", "params:search_space", "params:hpo.paths"]
    parent = [f"hpo_{PARENTS[stage]}_topk"] if stage in PARENTS else []
    search = node(
        stage_search(agent, stage),
        inputs=[*SHARED, *parameters, *parent],
        outputs=[f"hpo_{stage}_topk", f"hpo_{stage}_history"],
        name=f"search_{stage}",
    )
    return Pipeline([search], namespace=agent, inputs=set(SHARED), parameters=set(parameters))
