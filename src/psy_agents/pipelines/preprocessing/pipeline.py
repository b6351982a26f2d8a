"""preprocessing: raw files -> posts, pairs, sentences, criteria -> splits -> corpus."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.preprocessing.nodes import assemble, prepare, split

NAMESPACE = "preprocessing"
"""Of the nodes that all agents share; they run with any chosen agent."""

INPUTS = {"posts_raw", "annotations_raw", "criteria_raw", "id_salt"}
TABLES = ["posts", "pairs", "sentences", "splits", "criteria"]


def create_pipeline() -> Pipeline:
    """Three nodes in the shared namespace; the datasets keep their plain names."""
    nodes = [
        node(
            prepare,
            inputs=["posts_raw", "annotations_raw", "criteria_raw", "id_salt", "params:preprocessing"],
            outputs=["posts", "pairs", "sentences", "criteria", "corpus_account", "ratings"],
            name="prepare_corpus",
        ),
        node(split, inputs=["posts", "pairs", "params:preprocessing"], outputs="splits", name="split_posts"),
        node(assemble, inputs=TABLES, outputs="corpus", name="assemble_corpus"),
    ]
    outputs = {*TABLES, "corpus_account", "ratings", "corpus"}
    return Pipeline(nodes, namespace=NAMESPACE, inputs=INPUTS, outputs=outputs, parameters={"params:preprocessing"})
