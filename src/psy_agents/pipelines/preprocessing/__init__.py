"""The preprocessing pipeline."""

from psy_agents.pipelines.preprocessing.pipeline import NAMESPACE, create_pipeline

__all__ = ["NAMESPACE", "create_pipeline"]
