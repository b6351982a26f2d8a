"""report: refits, their predictions on test, and studies -> tables, figures and a page."""

from kedro.pipeline import Pipeline, node

from psy_agents.agents.registry import AGENTS
from psy_agents.pipelines.report.nodes import AGENT_FIGURES, FIGURES, TABLES, make_report, show_report

SHARED = ("posts", "pairs", "sentences", "splits", "criteria", "study_store")
OUTPUTS = (
    *(f"report_{name}_table" for name in TABLES),
    "report_latex",
    "report_page",
    *(f"report_{name}" for name in FIGURES),
    *(f"{agent}.report_{name}" for agent in AGENTS for name in AGENT_FIGURES),
)


def create_pipeline() -> Pipeline:
    """Two nodes over all agents; one that has no refit yet is named in the report."""
    refits = [f"{agent}.refit_{what}" for agent in AGENTS for what in ("summary", "predictions")]
    return Pipeline(
        [
            node(
                make_report,
                inputs=[*SHARED, "params:report", *refits],
                outputs="report",
                name="make_report",
            ),
            node(
                show_report,
                inputs=["report", "study_store", *(f"{agent}.refit_summary" for agent in AGENTS)],
                outputs=list(OUTPUTS),
                name="show_report",
            ),
        ]
    )
