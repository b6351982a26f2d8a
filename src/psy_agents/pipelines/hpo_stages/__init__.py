"""The hpo_stages pipeline."""

from psy_agents.pipelines.hpo_stages.pipeline import create_pipeline

__all__ = ["create_pipeline"]
