"""inference: posts and one refitted agent -> its predictions. A model in MLflow holds it; no command runs it."""

from kedro.pipeline import Pipeline, node

from psy_agents.pipelines.inference.nodes import predict_posts

POSTS, DEVICE = "posts_to_read", "params:device"


def create_pipeline(agent: str) -> Pipeline:
    """The inference of one agent, in the agent's namespace, from the folder that its refit saves."""
    predict = node(predict_posts, inputs=[POSTS, "refit_model", DEVICE], outputs="predictions", name="predict")
    return Pipeline([predict], namespace=agent, inputs={POSTS}, parameters={DEVICE})
