"""The leaderboard pipeline."""

from psy_agents.pipelines.leaderboard.pipeline import create_pipeline

__all__ = ["create_pipeline"]
