"""report: refits, their predictions on test, and studies -> tables, figures and a page."""

from kedro.pipeline import Pipeline, node

from psy_agents.agents.registry import AGENTS
from psy_agents.pipelines.report.nodes import make_report, show_report

PARAMETERS = ("params:bundle.report",)
CONTENTS = ("tables", "figures", "latex", "page")
NAMESPACE = "report"
"""Of both nodes and all their datasets: kedro-viz collapses them into one box."""


def create_pipeline() -> Pipeline:
    """Two nodes over all agents, in a namespace; the report names the agents without a refit."""
    shared = ["corpus", "ratings", "study_store"]
    refits = [f"{agent}.refit_{what}" for agent in AGENTS for what in ("summary", "predictions", "untuned_predictions")]
    summaries = [f"{agent}.refit_summary" for agent in AGENTS]
    nodes = [
        node(make_report, inputs=[*shared, *PARAMETERS, *refits], outputs="results", name="make_report"),
        node(show_report, inputs=["results", "study_store", *summaries], outputs={name: name for name in CONTENTS}, name="show_report"),
    ]
    return Pipeline(nodes, namespace=NAMESPACE, inputs={*shared, *refits}, parameters=set(PARAMETERS))
