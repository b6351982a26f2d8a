"""Generates a corpus in the ReDSM5 format from invented posts, with errors like those of human annotators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from psy_agents.corpus.synthetic.posts import Mention, Post, compose_post
from psy_agents.corpus.synthetic.wording import WORDING
from psy_agents.errors import UserError

POST_COLUMNS = ["post_id", "text"]
ANNOTATION_COLUMNS = ["post_id", "sentence_id", "sentence_text", "DSM5_symptom", "status", "explanation"]

LABEL_NOISE = 0.03
"""Share of mentions that are annotated wrongly: half with the other status, half not at all."""

PRESENT_EXPLANATION = "Present: the writer has it now."
UNCLEAR_EXPLANATION = "Absent: not clear enough."


@dataclass(frozen=True)
class SyntheticCorpus:
    """posts (post_id, text), annotations (one row per sentence and criterion), criteria (id -> text)."""

    posts: pd.DataFrame
    annotations: pd.DataFrame
    criteria: dict[str, str]


def generate_corpus(n_posts: int, seed: int) -> SyntheticCorpus:
    """Generate ``n_posts`` different posts; the first posts of a larger corpus are the smaller one's.

    Args:
        n_posts: how many posts, at least 1.
        seed: at least 0; the same seed gives the same corpus.

    Raises:
        UserError: a number is out of its range.
    """
    for name, value, least in (("n_posts", n_posts, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise UserError(f"{name} must be a whole number of at least {least}, not {value!r}.")
    rng = np.random.default_rng(seed)
    posts, rows = [], []
    for number, post in enumerate(_different_posts(n_posts, rng)):
        post_id = f"syn_{number:06d}"
        posts.append((post_id, post.text))
        rows.extend(annotate(post_id, post, rng))
    return SyntheticCorpus(
        pd.DataFrame(posts, columns=POST_COLUMNS),
        pd.DataFrame(rows, columns=ANNOTATION_COLUMNS),
        {criterion: wording.criterion for criterion, wording in WORDING.items()},
    )


def annotate(
    post_id: str, post: Post, rng: np.random.Generator
) -> Iterator[tuple[str, str, str, str, int, str]]:
    """Annotation rows of a post, a share of LABEL_NOISE of them missed or with the other status."""
    for index, sentence in enumerate(post.sentences):
        for mention in sentence.mentions:
            draw = rng.random()
            if draw < LABEL_NOISE / 2:
                continue
            flipped = draw < LABEL_NOISE
            status = 1 - mention.status if flipped else mention.status
            explanation = _explain(mention, status)
            yield post_id, f"{post_id}_{index}", sentence.text, mention.criterion, status, explanation


def _explain(mention: Mention, status: int) -> str:
    if status == 1:
        return PRESENT_EXPLANATION
    return f"Absent: {mention.hard_negative}." if mention.hard_negative else UNCLEAR_EXPLANATION


def _different_posts(n_posts: int, rng: np.random.Generator) -> Iterator[Post]:
    seen = set()
    while len(seen) < n_posts:
        post = compose_post(rng)
        if post.text not in seen:
            seen.add(post.text)
            yield post
