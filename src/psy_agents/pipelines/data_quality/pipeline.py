"""data_quality: the prepared corpus -> figures, plots and a page."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.data_quality.nodes import describe, show
from psy_agents.pipelines.preprocessing import NAMESPACE

INPUTS = ["corpus_account", "posts", "pairs", "splits", "criteria"]
PARAMETERS = ["params:preprocessing", "params:training"]
SHOWN = ["data_quality_labels", "data_quality_lengths", "data_quality_rows", "data_quality_page"]


def create_pipeline() -> Pipeline:
    """Two nodes, which run with whichever agent."""
    nodes = [
        node(describe, inputs=[*INPUTS, *PARAMETERS], outputs="data_quality", name="describe_data_quality"),
        node(show, inputs="data_quality", outputs=SHOWN, name="show_data_quality"),
    ]
    return Pipeline(
        nodes, namespace=NAMESPACE, inputs=set(INPUTS), outputs={"data_quality", *SHOWN}, parameters=set(PARAMETERS)
    )
