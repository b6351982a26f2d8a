"""cross_validation: corpus -> search, refit and test of every fold -> pooled figures."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.cross_validation.nodes import cross_validate_agent, report_folds
from psy_agents.pipelines.tags import CROSS_VALIDATION, agent_tag, stage_tag

SHARED = ("corpus", "study_store")
PARAMETERS = ("params:bundle.cross_validation",)
REPORT_PARAMETERS = ("params:bundle.report",)
FOLDS = ["cross_validation_summary", "cross_validation_predictions"]
OUTPUTS = ["cross_validation_report", "cross_validation_table", "cross_validation_page"]


def create_pipeline(agent: str) -> Pipeline:
    """Two nodes for one agent, in the agent's namespace; ``cross_validation.search`` chooses which of the stages a fold runs."""
    folds = node(
        cross_validate_agent(agent),
        inputs=[*SHARED, *PARAMETERS],
        outputs=FOLDS,
        name="cross_validate",
        tags=[agent_tag(agent), stage_tag(CROSS_VALIDATION)],
    )
    given = ["corpus", "ratings", *FOLDS, *REPORT_PARAMETERS]
    reported = node(report_folds, inputs=given, outputs=OUTPUTS, name="report_folds", tags=[agent_tag(agent)])
    return Pipeline([folds, reported], namespace=agent, inputs={*SHARED, "ratings"}, parameters={*PARAMETERS, *REPORT_PARAMETERS})
