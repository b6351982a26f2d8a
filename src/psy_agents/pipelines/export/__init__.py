"""The export pipeline."""

from psy_agents.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
