"""The synthetic_corpus pipeline."""

from psy_agents.pipelines.synthetic_corpus.pipeline import create_pipeline

__all__ = ["create_pipeline"]
