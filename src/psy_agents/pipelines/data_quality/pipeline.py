"""data_quality: corpus -> counts, figures and a page."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.data_quality.nodes import report
from psy_agents.pipelines.preprocessing import NAMESPACE

INPUTS = ["corpus_account", "corpus", "ratings"]
PARAMETERS = ["params:preprocessing", "params:training"]
OUTPUTS = ["data_quality", "data_quality_labels", "data_quality_lengths", "data_quality_rows", "data_quality_page"]


def create_pipeline() -> Pipeline:
    """One node in the shared namespace."""
    reported = node(report, inputs=[*INPUTS, *PARAMETERS], outputs=OUTPUTS, name="report_data_quality")
    return Pipeline([reported], namespace=NAMESPACE, inputs=set(INPUTS), outputs=set(OUTPUTS), parameters=set(PARAMETERS))
