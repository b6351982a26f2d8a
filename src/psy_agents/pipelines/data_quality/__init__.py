"""The data_quality pipeline."""

from psy_agents.pipelines.data_quality.pipeline import create_pipeline

__all__ = ["create_pipeline"]
