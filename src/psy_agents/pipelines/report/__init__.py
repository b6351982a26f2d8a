"""The report pipeline."""

from psy_agents.pipelines.report.pipeline import create_pipeline

__all__ = ["create_pipeline"]
