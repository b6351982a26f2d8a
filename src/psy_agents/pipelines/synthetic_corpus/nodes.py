"""Making the bundled corpus."""

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from psy_agents.corpus.synthetic import generate_corpus


class SyntheticCorpusParameters(BaseModel):
    """How large, and which."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_posts: int = Field(ge=1, description="Posts that are made.")
    seed: int = Field(ge=0, description="Another seed makes another corpus.")


def make_corpus(parameters: SyntheticCorpusParameters) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Generate posts, annotations and criteria."""
    corpus = generate_corpus(parameters.n_posts, parameters.seed)
    return corpus.posts, corpus.annotations, corpus.criteria
