"""The preprocessing pipeline."""

from psy_agents.pipelines.preprocessing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
