"""synthetic_corpus: a seed -> the bundled corpus."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.synthetic_corpus.nodes import make_corpus


def create_pipeline() -> Pipeline:
    """One node."""
    return Pipeline(
        [
            node(
                make_corpus,
                inputs="params:synthetic_corpus",
                outputs=["synthetic_posts", "synthetic_annotations", "synthetic_criteria"],
                name="make_synthetic_corpus",
            )
        ]
    )
