"""A part of a corpus, to try things on."""

from __future__ import annotations

from typing import Any

import pandas as pd

from psy_agents.corpus.fingerprint import hashed_id


def sample_posts(
    posts: pd.DataFrame, annotations: pd.DataFrame, max_posts: int | None, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Draw at most ``max_posts`` posts and set the annotations of the others aside.

    A post's place in the draw depends on its id and the seed alone, so that a smaller sample is part of a larger
    one. Annotations of posts that the corpus lacks stay, to be refused where all such mistakes are.

    Args:
        posts, annotations: as `check_posts` and `check_annotations` return them.
        max_posts: None takes them all.

    Returns:
        Posts and annotations in their order, and the ledgers ``sampled_posts`` and ``sampled_annotations`` for
        the report.
    """
    left_out = pd.Series(False, index=posts.index)
    if max_posts is not None:
        place = posts["post_id"].map(lambda post_id: hashed_id(post_id, f"sample {seed}"))
        left_out = place.rank(method="first") > max_posts
    annotated_out = annotations["post_id"].isin(posts.loc[left_out, "post_id"])
    ledgers = {
        f"sampled_{name}": {"in": len(flags), "used": int((~flags).sum()), "set_aside": {"not_sampled": int(flags.sum())}}
        for name, flags in (("posts", left_out), ("annotations", annotated_out))
    }
    return posts[~left_out].reset_index(drop=True), annotations[~annotated_out].reset_index(drop=True), ledgers
