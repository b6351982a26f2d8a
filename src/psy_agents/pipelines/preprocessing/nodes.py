"""From raw files to pairs and splits."""

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from psy_agents.corpus.pairs import build_pairs
from psy_agents.corpus.read import check_annotations, check_criteria, check_posts
from psy_agents.corpus.sample import sample_posts
from psy_agents.corpus.splits import audit_leakage, split_posts


class PreprocessingParameters(BaseModel):
    """Which labels are no criteria, how many posts to take, and how they are split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ignored_labels: tuple[str, ...] = ()
    max_posts: int | None = Field(None, ge=1, description="A sample of so many posts, to try things on; null takes all.")
    train: float = Field(gt=0, lt=1)
    validation: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0)


def pair_posts(
    posts_raw: pd.DataFrame, annotations_raw: pd.DataFrame, criteria_raw: dict, parameters: PreprocessingParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict, dict]:
    """Check the raw files and build (post, criterion) pairs with evidence offsets."""
    posts = check_posts(posts_raw, "posts.csv")
    annotations = check_annotations(annotations_raw, "annotations.csv")
    criteria = check_criteria(criteria_raw, "criteria.json")
    posts, annotations, sampled = sample_posts(posts, annotations, parameters.max_posts, parameters.seed)
    tables = build_pairs(posts, annotations, criteria, parameters.ignored_labels)
    return posts, tables.pairs, tables.sentences, criteria, sampled | tables.report


def split(posts: pd.DataFrame, pairs: pd.DataFrame, parameters: PreprocessingParameters) -> pd.DataFrame:
    """Split the posts and audit the splits for leakage."""
    splits = split_posts(posts, pairs, parameters.train, parameters.validation, parameters.test, parameters.seed)
    audit_leakage(posts, splits)
    return splits
