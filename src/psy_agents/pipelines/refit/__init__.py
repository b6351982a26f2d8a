"""The refit pipeline."""

from psy_agents.pipelines.refit.pipeline import create_pipeline

__all__ = ["create_pipeline"]
