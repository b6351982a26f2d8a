"""Posts of one group, such as an author's, stay together in splits, folds and resplits, and the audit looks for groups itself."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.reporting.small_quality import prepared, raw_tables

from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.splitting.groups import join_groups
from psy_agents.corpus.splitting.resplits import resplit
from psy_agents.errors import UserError

AUTHORS = [f"author {number % 13}" for number in range(40)]
BY_AUTHOR = {"columns": {"posts": {"group": "author"}}}


def corpus_of(authors, **settings) -> Corpus:
    posts, annotations = raw_tables()
    return prepared(posts.assign(author=authors), annotations, **BY_AUTHOR, **settings)[1]


def test_clusters_that_share_a_group_become_one_and_blank_groups_join_nothing():
    clusters = np.array([0, 1, 1, 2, 3, 4, 5])
    assert join_groups(clusters, ["a", "b", "", "a", "", "b", ""]).tolist() == [0, 1, 1, 0, 2, 1, 3]
    assert join_groups(clusters, [""] * 7).tolist() == clusters.tolist()
    assert join_groups(clusters, ["a"] * 7).tolist() == [0] * 7


@pytest.mark.parametrize("splits", [{"method": "ratios"}, {"method": "folds", "folds": 4, "fold": 2}])
def test_a_group_is_in_one_split(splits):
    corpus = corpus_of([f" {author} " for author in AUTHORS], splits=splits)
    assert corpus.splits.groupby(AUTHORS)["split"].nunique().tolist() == [1] * 13
    assert corpus.splits["cluster"].tolist() == pd.factorize(np.array(AUTHORS))[0].tolist()
    assert set(corpus.splits["split"]) == {"train", "validation", "test"}


def test_each_resplit_holds_out_whole_groups():
    corpus = corpus_of(AUTHORS)
    for made in resplit(corpus, (3, 5, 7))[0].values():
        authors = made.posts["group"].reset_index(drop=True)
        assert made.splits["split"].groupby(authors).nunique().max() == 1
        assert set(made.splits["split"]) == {"train", "validation"}


def test_posts_without_a_group_are_split_as_if_there_were_no_column():
    plain, blank = prepared(*raw_tables())[1], corpus_of([" "] * 40)
    pd.testing.assert_frame_equal(plain.splits, blank.splits)


def test_a_groups_posts_in_two_splits_fail_the_audit_without_its_name():
    corpus = corpus_of(AUTHORS)
    moved = corpus.splits.assign(cluster=range(40))
    first = moved.index[moved["split"] == "train"][0]
    moved.loc[first, "split"] = "test"
    with pytest.raises(UserError, match=r"1 groups of posts are in more than one split \([34] of 40 posts") as raised:
        replace(corpus, splits=moved).audit()
    assert "author" not in str(raised.value)


def test_splits_of_the_corpus_that_part_a_group_are_refused():
    part = ["train"] * 30 + ["validation"] * 5 + ["test"] * 5
    posts, annotations = raw_tables()
    posts = posts.assign(author=AUTHORS, part=part)
    with pytest.raises(UserError, match="groups of posts are in more than one split"):
        prepared(posts, annotations, columns={"posts": {"group": "author", "split": "part"}}, splits={"method": "column"})


def test_too_few_groups_for_the_splits_are_refused():
    with pytest.raises(UserError, match="40 posts with text in 2 clusters of like texts or of one group do not fill"):
        corpus_of(["a", "b"] * 20)
