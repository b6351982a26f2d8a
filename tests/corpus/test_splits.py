"""Splits: no text on two sides, every criterion in its share, the same for the same content and seed."""

import numpy as np
import pandas as pd
import pytest

from psy_agents.corpus.splits import SPLITS, audit_leakage, split_posts, stratify
from psy_agents.errors import UserError

CRITERIA = ["common", "medium", "rare"]


def corpus(n=300, seed=0):
    rng = np.random.default_rng(seed)
    posts = pd.DataFrame({"post_id": [f"p{i}" for i in range(n)], "text": [f"Post number {i}." for i in range(n)]})
    labels = rng.random((n, len(CRITERIA))) < [0.4, 0.15, 0.04]
    pairs = pd.DataFrame(
        {
            "post_id": np.repeat(posts["post_id"].to_numpy(), len(CRITERIA)),
            "criterion": np.tile(CRITERIA, n),
            "label": labels.ravel().astype(np.int8),
        }
    )
    return posts, pairs


def test_posts_and_each_criterion_reach_their_shares():
    posts, pairs = corpus()
    splits = split_posts(posts, pairs, 0.7, 0.15, 0.15, seed=3)
    assert splits["post_id"].tolist() == posts["post_id"].tolist()
    shares = splits["split"].value_counts(normalize=True)
    assert shares[list(SPLITS)].to_numpy() == pytest.approx([0.7, 0.15, 0.15], abs=0.01)
    positive = pairs[pairs["label"] == 1].merge(splits)
    counts = positive.groupby(["criterion", "split"]).size().unstack()[list(SPLITS)]
    ideal = np.outer(counts.sum(axis=1), [0.7, 0.15, 0.15])
    assert np.abs(counts.to_numpy() - ideal).max() <= 2


def test_rare_criteria_are_spread_more_evenly_than_by_chance():
    posts, pairs = corpus(n=400, seed=1)
    rare = pairs[(pairs["criterion"] == "rare") & (pairs["label"] == 1)]["post_id"]
    for seed in range(5):
        split = split_posts(posts, pairs, 0.6, 0.2, 0.2, seed).set_index("post_id")["split"]
        in_test = (split[rare] == "test").sum()
        assert abs(in_test - 0.2 * len(rare)) <= 1


def test_duplicate_texts_share_a_split():
    posts, pairs = corpus(n=120)
    posts["text"] = [f"Post  number\n{i // 3}." if i % 2 else f"POST number {i // 3}. " for i in range(120)]
    splits = split_posts(posts, pairs, 0.6, 0.2, 0.2, seed=0)
    assert (splits["split"].groupby(np.arange(120) // 3).nunique() == 1).all()
    assert splits["split"].value_counts(normalize=True)["train"] == pytest.approx(0.6, abs=0.05)
    audit_leakage(posts, splits)


def test_the_split_depends_on_content_and_seed_and_not_on_the_order_of_rows():
    posts, pairs = corpus(n=90)
    first = split_posts(posts, pairs, 0.6, 0.2, 0.2, seed=5)
    again = split_posts(posts.sample(frac=1, random_state=1), pairs.sample(frac=1, random_state=2), 0.6, 0.2, 0.2, 5)
    pd.testing.assert_frame_equal(
        first.sort_values("post_id", ignore_index=True), again.sort_values("post_id", ignore_index=True)
    )
    other = split_posts(posts, pairs, 0.6, 0.2, 0.2, seed=6)
    assert (first["split"] != other["split"]).any()


def test_posts_without_text_get_no_split():
    posts, pairs = corpus(n=30)
    posts.loc[4, "text"] = "  "
    pairs = pairs[pairs["post_id"] != "p4"]
    splits = split_posts(posts, pairs, 0.6, 0.2, 0.2, seed=0)
    assert "p4" not in set(splits["post_id"])
    audit_leakage(posts, splits)


@pytest.mark.parametrize("ratios", [(0.8, 0.1, 0.2), (0.9, 0.1, 0.0), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_ratios_that_are_no_shares_are_refused(ratios):
    with pytest.raises(UserError, match="together they must be 1"):
        split_posts(*corpus(n=30), *ratios, seed=0)


def test_too_few_distinct_posts_are_refused():
    posts, pairs = corpus(n=6)
    posts["text"] = ["same", "Same ", "SAME", "other", "other", " other"]
    with pytest.raises(UserError, match="6 posts with text, 2 of them distinct"):
        split_posts(posts, pairs, 0.6, 0.2, 0.2, seed=0)


def test_an_empty_split_is_refused():
    with pytest.raises(UserError, match="Too few posts"):
        split_posts(*corpus(n=4), 0.98, 0.01, 0.01, seed=0)


def test_stratification_hands_out_the_rarest_label_first():
    counts = np.array([[1, 1], [1, 1], [1, 0], [1, 0], [1, 0], [1, 0]])
    subsets = stratify(counts, np.ones(6, dtype=int), np.array([0.5, 0.5]), np.random.default_rng(0))
    assert sorted(subsets[:2]) == [0, 1]
    assert np.bincount(subsets).tolist() == [3, 3]


def leak_rows(splits):
    return [
        (splits.iloc[1:], "1 of 30 posts have no split"),
        (pd.concat([splits, splits.iloc[:1]]), "1 rows repeat a post"),
        (splits.assign(split="trian"), "30 rows name a split other than"),
        (pd.concat([splits, pd.DataFrame({"post_id": ["ghost"], "split": ["test"]})]), "1 of 31 rows name a post"),
    ]


@pytest.mark.parametrize("case", range(4))
def test_the_audit_finds_missing_repeated_unknown_and_foreign_posts(case):
    posts, pairs = corpus(n=30)
    splits, message = leak_rows(split_posts(posts, pairs, 0.6, 0.2, 0.2, seed=0))[case]
    with pytest.raises(UserError, match=message):
        audit_leakage(posts, splits)


def test_the_audit_finds_a_text_on_two_sides():
    posts, pairs = corpus(n=30)
    splits = split_posts(posts, pairs, 0.6, 0.2, 0.2, seed=0)
    train, test = (splits.index[splits["split"] == name][0] for name in ("train", "test"))
    posts.loc[train, "text"] = posts.loc[test, "text"].upper()
    with pytest.raises(UserError, match="1 texts stand in more than one split"):
        audit_leakage(posts, splits)
