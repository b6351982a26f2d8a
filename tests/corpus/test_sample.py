"""A sample of a corpus: nested, counted, in order."""

import pandas as pd
import pytest

from psy_agents.corpus.pairs import check_report
from psy_agents.corpus.sample import sample_posts

POSTS = pd.DataFrame({"post_id": [f"p{i}" for i in range(50)], "text": [f"text {i}" for i in range(50)]})
ANNOTATIONS = pd.DataFrame({"post_id": [f"p{i // 2}" for i in range(100)] + ["unknown"], "status": 1})


def sample(n, seed=0):
    return sample_posts(POSTS, ANNOTATIONS, n, seed)


def test_without_a_number_all_are_taken():
    posts, annotations, ledgers = sample(None)
    assert posts.equals(POSTS) and annotations.equals(ANNOTATIONS)
    assert ledgers["sampled_posts"]["set_aside"] == {"not_sampled": 0}


@pytest.mark.parametrize("n", [1, 20, 50, 1000])
def test_posts_and_their_annotations_are_taken_together_and_counted(n):
    posts, annotations, ledgers = sample(n)
    assert len(posts) == min(n, 50)
    assert posts["post_id"].tolist() == [post_id for post_id in POSTS["post_id"] if post_id in set(posts["post_id"])]
    assert set(annotations["post_id"]) == {*posts["post_id"], "unknown"}
    assert len(annotations) == 2 * len(posts) + 1
    assert ledgers["sampled_annotations"] == {
        "in": 101, "used": len(annotations), "set_aside": {"not_sampled": 101 - len(annotations)},
    }  # fmt: skip
    check_report({**ledgers, "pairs": {"used": 0, "origins": {}}})


def test_a_smaller_sample_is_part_of_a_larger_one_and_another_seed_draws_others():
    small, large, other = (set(sample(n, seed)[0]["post_id"]) for n, seed in ((10, 0), (25, 0), (10, 1)))
    assert small < large
    assert small != other
