"""The budget pipeline."""

from psy_agents.pipelines.budget.pipeline import create_pipeline

__all__ = ["create_pipeline"]
