"""report: refits, their predictions on test, and studies -> tables, figures and a page."""

from kedro.pipeline import Pipeline, node

from psy_agents.agents.registry import AGENTS
from psy_agents.pipelines.report.nodes import make_report, show_report
from psy_agents.reporting.outputs import AGENT_FIGURES, FIGURES, TABLES

PARAMETERS = ("params:report", "params:baselines", "params:hpo.refit", "params:training")
CONTENTS = {
    **{f"{name}_table": f"report_{name}_table" for name in TABLES},
    "latex": "report_latex",
    "page": "report_page",
    **{name: f"report_{name}" for name in FIGURES},
    **{f"{name}_{agent}": f"{agent}.report_{name}" for agent in AGENTS for name in AGENT_FIGURES},
}


def create_pipeline() -> Pipeline:
    """Two nodes over all agents; the report names the agents without a refit."""
    refits = [f"{agent}.refit_{what}" for agent in AGENTS for what in ("summary", "predictions", "untuned_predictions")]
    summaries = [f"{agent}.refit_summary" for agent in AGENTS]
    return Pipeline(
        [
            node(make_report, inputs=["corpus", "ratings", "study_store", *PARAMETERS, *refits], outputs="report", name="make_report"),
            node(show_report, inputs=["report", "study_store", *summaries], outputs=CONTENTS, name="show_report"),
        ]
    )
