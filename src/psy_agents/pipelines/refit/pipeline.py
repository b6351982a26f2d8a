"""refit: a stage's best trials -> one tested model an agent."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.refit.nodes import refit_agent

SHARED = ("posts", "pairs", "sentences", "splits", "criteria", "study_store")
PARAMETERS = ("params:hpo.refit", "params:training", "params:hpo.paths")
STAGES = ("stage0", "stage1", "stage2", "maximal")
OUTPUTS = ("refit_summary", "refit_model", "refit_predictions")


def create_pipeline(agent: str, stages: tuple[str, ...] = STAGES) -> Pipeline:
    """The refit of one agent, in the agent's namespace.

    Args:
        stages: whose top-k it may confirm; ``hpo.refit.stage`` chooses where there are several.
    """
    refit = node(
        refit_agent(agent, stages),
        inputs=[*SHARED, *PARAMETERS, *(f"hpo_{stage}_topk" for stage in stages)],
        outputs=list(OUTPUTS),
        name="refit",
    )
    return Pipeline([refit], namespace=agent, inputs=set(SHARED), parameters=set(PARAMETERS))
