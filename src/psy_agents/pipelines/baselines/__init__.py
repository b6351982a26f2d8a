"""The baselines pipeline."""

from psy_agents.pipelines.baselines.pipeline import create_pipeline

__all__ = ["create_pipeline"]
