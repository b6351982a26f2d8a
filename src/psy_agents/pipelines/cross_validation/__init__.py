"""The cross_validation pipeline."""

from psy_agents.pipelines.cross_validation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
