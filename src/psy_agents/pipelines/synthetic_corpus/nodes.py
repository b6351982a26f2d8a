"""Making the bundled corpus."""

import pandas as pd
from pydantic import Field

from psy_agents.corpus.synthetic import generate_corpus
from psy_agents.files.schema import Schema


class SyntheticCorpusParameters(Schema):
    """How large, and which."""

    n_posts: int = Field(ge=1, description="Posts that are made.")
    seed: int = Field(ge=0, description="Another seed makes another corpus.")


def make_corpus(parameters: SyntheticCorpusParameters) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Generate posts, annotations and criteria."""
    corpus = generate_corpus(parameters.n_posts, parameters.seed)
    return corpus.posts, corpus.annotations, corpus.criteria
