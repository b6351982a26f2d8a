"""The evidence_page pipeline."""

from psy_agents.pipelines.evidence_page.pipeline import create_pipeline

__all__ = ["create_pipeline"]
