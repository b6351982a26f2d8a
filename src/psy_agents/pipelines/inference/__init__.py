"""The pipeline that a model in MLflow holds."""

from psy_agents.pipelines.inference.pipeline import DEVICE, POSTS, create_pipeline

__all__ = ["DEVICE", "POSTS", "create_pipeline"]
