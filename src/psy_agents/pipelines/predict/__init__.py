"""The predict pipeline."""

from psy_agents.pipelines.predict.pipeline import create_pipeline

__all__ = ["create_pipeline"]
