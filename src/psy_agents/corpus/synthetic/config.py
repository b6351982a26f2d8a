"""Parameters of the synthetic corpus."""

from __future__ import annotations

from pydantic import Field

from psy_agents.files.schema import Schema, Seed


class SyntheticCorpusConfig(Schema):
    """The size and the seed of the synthetic corpus."""

    n_posts: int = Field(ge=1, description="Number of posts.")
    seed: Seed = Field(description="Another seed makes another corpus.")
