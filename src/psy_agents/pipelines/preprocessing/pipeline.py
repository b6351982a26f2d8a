"""preprocessing: raw files -> posts, pairs, sentences, criteria -> splits."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.preprocessing.nodes import prepare, split

NAMESPACE = "preprocessing"
"""Of what all agents share: it runs with whichever of them is chosen."""

INPUTS = {"posts_raw", "annotations_raw", "criteria_raw", "id_salt"}
OUTPUTS = {"posts", "pairs", "sentences", "criteria", "splits", "corpus_account"}


def create_pipeline() -> Pipeline:
    """Two nodes in the shared namespace; the datasets keep their plain names."""
    nodes = [
        node(
            prepare,
            inputs=["posts_raw", "annotations_raw", "criteria_raw", "id_salt", "params:preprocessing"],
            outputs=["posts", "pairs", "sentences", "criteria", "corpus_account"],
            name="prepare_corpus",
        ),
        node(split, inputs=["posts", "pairs", "params:preprocessing"], outputs="splits", name="split_posts"),
    ]
    return Pipeline(nodes, namespace=NAMESPACE, inputs=INPUTS, outputs=OUTPUTS, parameters={"params:preprocessing"})
