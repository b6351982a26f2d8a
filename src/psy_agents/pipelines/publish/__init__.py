"""The publish pipeline."""

from psy_agents.pipelines.publish.pipeline import create_pipeline

__all__ = ["create_pipeline"]
