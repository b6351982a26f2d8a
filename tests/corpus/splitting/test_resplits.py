"""Resplits: parts of grouped partitions, every post held out, the test split as it was, and no leak."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.splitting import resplits
from psy_agents.corpus.splitting.resplits import count_folds, resplit
from psy_agents.errors import UserError

SEEDS = (11, 23, 47, 83, 131)
CRITERIA = {"common": "often", "rare": "seldom"}


def corpus(clusters, labels=None) -> Corpus:
    """A post for each entry of ``clusters``; a fifth of the clusters is test, another validation.

    Args:
        labels: (posts, 2); None: the first criterion in every second post, the second in every fourth.
    """
    n, clusters = len(clusters), np.asarray(clusters)
    if labels is None:
        labels = np.stack([np.arange(n) % 2 == 0, np.arange(n) % 4 == 1], axis=1)
    ids = np.array([f"p{i}" for i in range(n)], dtype=object)
    pairs = pd.DataFrame({"post_id": np.repeat(ids, 2), "criterion": [*CRITERIA] * n, "label": np.asarray(labels).ravel().astype(int)})
    names = np.array(["test", "validation", "train", "train", "train"], dtype=object)
    return Corpus(
        posts=pd.DataFrame({"post_id": ids, "text": [f"Post number {i}." for i in range(n)]}),
        pairs=pairs,
        sentences=pd.DataFrame({"post_id": ids}),
        splits=pd.DataFrame({"post_id": ids, "split": names[clusters % 5], "cluster": clusters}),
        criteria=CRITERIA,
    )


def held_out(made: dict[int, Corpus]) -> list[set[str]]:
    return [set(each.members("validation")) for each in made.values()]


@settings(deadline=None, max_examples=100)
@given(train=st.integers(1, 400), validation=st.integers(1, 400), clusters=st.integers(1, 300), seeds=st.integers(1, 20))
def test_from_two_seeds_on_the_seeds_fill_a_partition_that_the_clusters_allow(train, validation, clusters, seeds):
    folds = count_folds(train, validation, clusters, seeds)
    assert 2 <= folds <= max(2, clusters)
    assert seeds == 1 or folds <= seeds, "every fold of the first partition is held out by a seed"


def test_a_part_is_about_as_large_as_validation_if_the_seeds_allow_it():
    assert count_folds(700, 150, 850, seeds=5) == 5
    assert count_folds(700, 150, 850, seeds=6) == 6
    assert count_folds(700, 150, 850, seeds=10) == 5, "two partitions"
    assert count_folds(700, 150, 850, seeds=12) == 6
    assert count_folds(700, 150, 850, seeds=2) == 2
    assert count_folds(700, 150, 850, seeds=1) == 6, "one part of validation's size"


def test_every_post_is_held_out_once_for_each_partition_and_criteria_keep_their_shares():
    base = corpus(np.arange(100))
    made, folds = resplit(base, SEEDS)
    assert folds == 5 and list(made) == list(SEEDS)
    parts = held_out(made)
    developed = set(base.members("train", "validation"))
    assert set().union(*parts) == developed and sum(map(len, parts)) == len(developed) == 80
    for each, part in zip(made.values(), parts, strict=True):
        assert set(each.members("train")) == developed - part
        positive = each.pairs[each.pairs["label"] == 1]
        inside = positive[positive["post_id"].isin(part)].groupby("criterion").size()
        assert inside.to_dict() == {"common": pytest.approx(8, abs=2), "rare": pytest.approx(4, abs=2)}
    twice, folds = resplit(base, range(10))
    assert folds == 5
    counts = pd.Series([post for part in held_out(twice) for post in part]).value_counts()
    assert set(counts) == {2} and len(counts) == 80
    assert held_out(twice)[:5] != held_out(twice)[5:], "another partition"


def test_clusters_stay_whole_and_the_test_split_stays_out():
    base = corpus(np.arange(120) // 3)
    tested = set(base.members("test"))
    for each in resplit(base, SEEDS)[0].values():
        assert each.splits.groupby("cluster")["split"].nunique().max() == 1
        for table in (each.posts, each.pairs, each.sentences, each.splits):
            assert not tested & set(table["post_id"])
        assert set(each.splits["split"]) == {"train", "validation"}
    assert set(base.members("test")) == tested


def test_the_same_seeds_give_the_same_resplits_and_others_give_others():
    base = corpus(np.arange(100))
    assert held_out(resplit(base, SEEDS)[0]) == held_out(resplit(base, SEEDS)[0])
    assert held_out(resplit(base, SEEDS)[0]) != held_out(resplit(base, SEEDS[::-1])[0])


def test_every_resplit_is_audited(monkeypatch):
    """A partition that ignores clusters would leak; so would one that two equal texts of different clusters cross."""
    base = corpus(np.arange(60) // 2)

    def torn(posts, *_):
        return pd.DataFrame({"post_id": posts["post_id"], "part": np.arange(len(posts)) % 2})

    monkeypatch.setattr(resplits, "partition_posts", torn)
    with pytest.raises(UserError, match="clusters of near-duplicate posts are in more than one split"):
        resplit(base, (1, 2))
    monkeypatch.undo()
    same = replace(base, posts=base.posts.assign(text="Every post says this."))
    with pytest.raises(UserError, match="are in more than one split"):
        resplit(same, (1, 2))


def test_fewer_clusters_than_seeds_make_several_partitions():
    two, folds = resplit(corpus([0, 1, 1, 2, 2, 0]), SEEDS)
    assert folds == 2 and {frozenset(part) for part in held_out(two)} == {frozenset({"p1", "p2"}), frozenset({"p3", "p4"})}
    base = corpus([0, 1, 1, 2, 2, 3, 3, 4, 4, 0])  # Four clusters outside test.
    made, folds = resplit(base, SEEDS)
    assert folds == 3
    assert set().union(*held_out(made)) == set(base.members("train", "validation"))
    assert all(len(each.members("train")) and len(each.members("validation")) for each in made.values())


def test_too_few_positives_are_refused_in_a_sentence():
    labels = np.zeros((40, 2))
    labels[2] = 1  # The positives of both criteria stand in one post.
    with pytest.raises(UserError, match="2 positive pairs leave 1 of them without one.*fewer seeds") as refused:
        resplit(corpus(np.arange(40), labels), (1, 2))
    assert ". " not in str(refused.value)
    labels[3, 0] = 1  # A criterion with a single positive: it is in one part, and the other criterion is in both.
    made, _ = resplit(corpus(np.arange(40), labels), (1, 2))
    assert sum(each.pairs.loc[each.pairs["post_id"].isin(each.members("validation")), "label"].sum() for each in made.values()) == 3
