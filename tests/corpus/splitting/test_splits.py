"""Splits: no text on two sides, every criterion in its share, the same for the same content and seed."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psy_agents.corpus.splitting.leakage import SPLITS, audit_leakage
from psy_agents.corpus.splitting.near_duplicates import cluster_near_duplicates
from psy_agents.corpus.splitting.splits import coverage, fold_posts, split_posts
from psy_agents.corpus.splitting.stratification import cover, stratify
from psy_agents.errors import UserError

CRITERIA = ["common", "medium", "rare"]
RATIOS = (0.7, 0.15, 0.15)


def corpus(n=300, seed=0):
    labels = np.random.default_rng(seed).random((n, len(CRITERIA))) < [0.4, 0.15, 0.04]
    return labelled(labels, CRITERIA)


def labelled(labels, criteria):
    n = len(labels)
    posts = pd.DataFrame({"post_id": [f"p{i}" for i in range(n)], "text": [f"Post number {i}." for i in range(n)]})
    pairs = pd.DataFrame(
        {
            "post_id": np.repeat(posts["post_id"].to_numpy(), len(criteria)),
            "criterion": np.tile(np.array(criteria, dtype=object), n),
            "label": np.asarray(labels).ravel().astype(np.int8),
        }
    )
    return posts, pairs, np.arange(n)


def positives(pairs, splits):
    found = pairs[pairs["label"] == 1].merge(splits)
    counts = found.groupby(["criterion", "split"]).size().unstack(fill_value=0)
    return counts.reindex(columns=list(SPLITS), fill_value=0)


def test_posts_and_each_criterion_reach_their_shares():
    posts, pairs, clusters = corpus()
    splits = split_posts(posts, pairs, clusters, RATIOS, seed=3)
    assert splits["post_id"].tolist() == posts["post_id"].tolist()
    shares = splits["split"].value_counts(normalize=True)
    assert shares[list(SPLITS)].to_numpy() == pytest.approx(RATIOS, abs=0.01)
    counts = positives(pairs, splits)
    ideal = np.outer(counts.sum(axis=1), RATIOS)
    assert np.abs(counts.to_numpy() - ideal).max() <= 2


def test_rare_criteria_are_spread_more_evenly_than_by_chance():
    posts, pairs, clusters = corpus(n=400, seed=1)
    rare = pairs[(pairs["criterion"] == "rare") & (pairs["label"] == 1)]["post_id"]
    for seed in range(5):
        split = split_posts(posts, pairs, clusters, (0.6, 0.2, 0.2), seed).set_index("post_id")["split"]
        in_test = (split[rare] == "test").sum()
        assert abs(in_test - 0.2 * len(rare)) <= 1


@settings(deadline=None, max_examples=25)
@given(
    number=st.integers(0, 10**6),
    n=st.integers(40, 300),
    criteria=st.integers(1, 12),
    ratios=st.sampled_from([RATIOS, (0.8, 0.1, 0.1), (0.34, 0.33, 0.33)]),
)
def test_a_criterion_of_eight_positives_in_eight_clusters_is_in_every_split(number, n, criteria, ratios):
    rng = np.random.default_rng(number)
    labels = rng.random((n, criteria)) < rng.uniform(0, 0.5, size=criteria)
    for rare in range(int(rng.integers(1, criteria + 1))):
        labels[:, rare] = False
        labels[rng.choice(n, 8, replace=False), rare] = True
    posts, pairs, clusters = labelled(labels, [f"c{i}" for i in range(criteria)])
    splits = split_posts(posts, pairs, clusters, ratios, seed=number)
    counts = positives(pairs, splits)
    assert (counts[counts.sum(axis=1) >= 8] > 0).all(axis=None)
    sizes = splits["split"].value_counts()[list(SPLITS)].to_numpy()
    assert np.abs(sizes - n * np.array(ratios)).max() <= 2 + criteria / 2
    audit_leakage(posts, splits, clusters)


@settings(deadline=None, max_examples=40)
@given(number=st.integers(0, 10**6), groups=st.integers(3, 6), labels=st.integers(1, 6))
def test_the_repair_leaves_no_more_gaps_than_the_best_of_all_plans(number, groups, labels):
    rng = np.random.default_rng(number)
    counts = (rng.random((groups, labels)) < rng.uniform(0.3, 0.9)).astype(int)
    sizes, ratios = np.ones(groups, dtype=int), np.array([0.6, 0.2, 0.2])
    needed = counts[:, (counts > 0).sum(axis=0) >= 3] > 0

    def gaps(subset):
        return sum(not needed[np.asarray(subset) == s, i].any() for s in range(3) for i in range(needed.shape[1]))

    first = stratify(counts, sizes, ratios, rng)
    if len(set(first)) == 3:
        plans = (plan for plan in itertools.product(range(3), repeat=groups) if len(set(plan)) == 3)
        assert gaps(cover(first, counts, sizes, ratios, rng)) == min(map(gaps, plans))


def test_the_repair_keeps_sizes_and_leaves_a_plan_without_gaps_alone():
    rng = np.random.default_rng(0)
    counts = np.zeros((60, 2), dtype=int)
    counts[:8] = 1
    counts[8:32, 1] = 1
    sizes, ratios = np.ones(60, dtype=int), np.array(RATIOS)
    subset = np.repeat([0, 0, 1, 2, 0, 1, 2], [8, 14, 5, 5, 20, 4, 4])  # label 0 is in the first subset only
    repaired = cover(subset, counts, sizes, ratios, rng)
    assert all(set(repaired[counts[:, label] > 0]) == {0, 1, 2} for label in range(2))
    assert np.bincount(repaired).tolist() == [42, 9, 9]
    assert (repaired != subset).sum() <= 8
    np.testing.assert_array_equal(cover(repaired, counts, sizes, ratios, rng), repaired)


def test_a_cluster_shares_a_split_and_counts_as_one_for_coverage():
    labels = np.zeros((120, 1))
    labels[:8] = 1
    posts, pairs, clusters = labelled(labels, ["rare"])
    clusters = clusters.copy()
    clusters[:6] = 0  # the eight positives stand in three clusters
    splits = split_posts(posts, pairs, clusters, (0.6, 0.2, 0.2), seed=0)
    assert splits["split"].groupby(clusters).nunique().max() == 1
    assert (positives(pairs, splits) > 0).all(axis=None)


def test_duplicate_texts_share_a_split():
    posts, pairs, _ = corpus(n=120)
    posts["text"] = [f"Post  number\n{i // 3}." if i % 2 else f"POST number {i // 3}. " for i in range(120)]
    clusters = cluster_near_duplicates(posts["text"], None, seed=0)
    splits = split_posts(posts, pairs, clusters, (0.6, 0.2, 0.2), seed=0)
    assert (splits["split"].groupby(np.arange(120) // 3).nunique() == 1).all()
    assert splits["split"].value_counts(normalize=True)["train"] == pytest.approx(0.6, abs=0.05)
    audit_leakage(posts, splits, clusters)


def test_a_large_cluster_does_not_upset_the_sizes():
    posts, pairs, clusters = corpus(n=200)
    clusters = np.where(clusters % 5 == 0, 0, clusters)  # 40 of 200 posts
    splits = split_posts(posts, pairs, clusters, RATIOS, seed=0)
    assert splits["split"].value_counts()[list(SPLITS)].to_numpy() == pytest.approx([140, 30, 30], abs=3)


@pytest.mark.parametrize("fold", [None, 0, 4])
def test_the_split_depends_on_content_and_seed_and_not_on_the_order_of_rows(fold):
    def split(posts, pairs, seed):
        clusters = cluster_near_duplicates(posts["text"], 0.8, seed=0)
        if fold is None:
            return split_posts(posts, pairs, clusters, (0.6, 0.2, 0.2), seed)
        return fold_posts(posts, pairs, clusters, 5, fold, seed)

    posts, pairs, _ = corpus(n=90)
    first = split(posts, pairs, 5)
    again = split(posts.sample(frac=1, random_state=1), pairs.sample(frac=1, random_state=2), 5)
    pd.testing.assert_frame_equal(
        first.sort_values("post_id", ignore_index=True), again.sort_values("post_id", ignore_index=True)
    )
    other = split(posts, pairs, 6)
    assert (first["split"] != other["split"]).any()


def test_posts_without_text_get_no_split():
    posts, pairs, clusters = corpus(n=30)
    posts.loc[4, "text"] = "  "
    pairs = pairs[pairs["post_id"] != "p4"]
    splits = split_posts(posts, pairs, clusters, (0.6, 0.2, 0.2), seed=0)
    assert "p4" not in set(splits["post_id"])
    audit_leakage(posts, splits, clusters)


@pytest.mark.parametrize("ratios", [(0.8, 0.1, 0.2), (0.9, 0.1, 0.0), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_ratios_that_are_no_shares_are_refused(ratios):
    with pytest.raises(UserError, match="together they must be 1"):
        split_posts(*corpus(n=30), ratios, seed=0)


def test_too_few_distinct_posts_are_refused():
    posts, pairs, _ = corpus(n=6)
    posts["text"] = ["same", "Same ", "SAME", "other", "other", " other"]
    clusters = cluster_near_duplicates(posts["text"], None, seed=0)
    with pytest.raises(UserError, match="6 posts with text in 2 clusters"):
        split_posts(posts, pairs, clusters, (0.6, 0.2, 0.2), seed=0)


def test_an_empty_split_is_refused():
    with pytest.raises(UserError, match="Too few posts"):
        split_posts(*corpus(n=4), (0.98, 0.01, 0.01), seed=0)


def test_clusters_of_other_posts_are_a_mistake():
    posts, pairs, clusters = corpus(n=30)
    with pytest.raises(ValueError, match="29 clusters for 30 posts"):
        split_posts(posts, pairs, clusters[1:], RATIOS, seed=0)


@pytest.mark.parametrize("criteria", [["1", "", "a\u00e9 b"], [f"criterion {i}" for i in range(300)]])
def test_criteria_of_any_name_and_number_are_stratified(criteria):
    labels = np.random.default_rng(0).random((400, len(criteria))) < 0.1
    posts, pairs, clusters = labelled(labels, criteria)
    splits = split_posts(posts, pairs, clusters, RATIOS, seed=0)
    counts = positives(pairs, splits)
    assert sorted(counts.index) == sorted(criteria)
    assert (counts > 0).all(axis=None)


def test_a_corpus_without_positives_is_split_by_size():
    posts, pairs, clusters = labelled(np.zeros((100, 1)), ["none"])
    splits = split_posts(posts, pairs, clusters, RATIOS, seed=0)
    assert splits["split"].value_counts()[list(SPLITS)].tolist() == [70, 15, 15]


def test_stratification_hands_out_the_rarest_label_first():
    counts = np.array([[1, 1], [1, 1], [1, 0], [1, 0], [1, 0], [1, 0]])
    subsets = stratify(counts, np.ones(6, dtype=int), np.array([0.5, 0.5]), np.random.default_rng(0))
    assert sorted(subsets[:2]) == [0, 1]
    assert np.bincount(subsets).tolist() == [3, 3]


@pytest.mark.parametrize("folds", [3, 5, 10])
def test_folds_test_every_post_once_and_validate_on_the_next_part(folds):
    posts, pairs, clusters = corpus(n=303)
    clusters = clusters // 2 * 2
    parts = [fold_posts(posts, pairs, clusters, folds, fold, seed=1)["split"] for fold in range(folds)]
    tests = np.stack([part == "test" for part in parts])
    assert (tests.sum(axis=0) == 1).all()
    assert tests.sum(axis=1).max() - tests.sum(axis=1).min() <= 6
    for fold, part in enumerate(parts):
        np.testing.assert_array_equal(part == "validation", tests[(fold + 1) % folds])
        splits = pd.DataFrame({"post_id": posts["post_id"], "split": part})
        audit_leakage(posts, splits, clusters)
        rare = positives(pairs, splits).loc["rare"]
        assert rare.sum() < folds or (rare > 0).all()


@pytest.mark.parametrize(
    ("folds", "fold", "message"), [(2, 0, "take 3 or more"), (5, 5, "from 0 to 4"), (5, -1, "from 0 to 4")]
)
def test_folds_that_do_not_exist_are_refused(folds, fold, message):
    with pytest.raises(UserError, match=message):
        fold_posts(*corpus(n=30), folds, fold, seed=0)


def test_more_folds_than_clusters_are_refused():
    with pytest.raises(UserError, match="do not fill 10 folds"):
        fold_posts(*corpus(n=9), 10, 0, seed=0)


def test_given_splits_that_part_near_duplicates_fail_the_audit():
    posts, _, _ = corpus(n=30)
    words = " ".join(f"word{i}" for i in range(60))
    posts.loc[[2, 9, 11], "text"] = [words, f"{words} again", f"so {words}"]
    clusters = cluster_near_duplicates(posts["text"], 0.8, seed=0)
    splits = posts[["post_id"]].assign(split=["train"] * 10 + ["validation"] * 10 + ["test"] * 10)
    with pytest.raises(UserError, match=r"1 clusters of near-duplicate posts are in more than one split \(3 of 30"):
        audit_leakage(posts, splits, clusters)


def leak_rows(splits):
    return [
        (splits.iloc[1:], "1 of 30 posts have no split"),
        (pd.concat([splits, splits.iloc[:1]]), "1 rows repeat a post"),
        (splits.assign(split="trian"), "30 rows name a split other than"),
        (pd.concat([splits, pd.DataFrame({"post_id": ["ghost"], "split": ["test"]})]), "1 of 31 rows name a post"),
        (splits.replace({"split": {"test": "train"}}), "no post of 30 is in test"),
    ]


@pytest.mark.parametrize("case", range(5))
def test_the_audit_finds_missing_repeated_unknown_and_foreign_posts_and_empty_splits(case):
    posts, pairs, clusters = corpus(n=30)
    splits, message = leak_rows(split_posts(posts, pairs, clusters, (0.6, 0.2, 0.2), seed=0))[case]
    with pytest.raises(UserError, match=message):
        audit_leakage(posts, splits, clusters)


def test_the_audit_finds_a_text_on_two_sides_whatever_the_clusters_say():
    posts, pairs, clusters = corpus(n=30)
    splits = split_posts(posts, pairs, clusters, (0.6, 0.2, 0.2), seed=0)
    train, test = (splits.index[splits["split"] == name][0] for name in ("train", "test"))
    posts.loc[train, "text"] = posts.loc[test, "text"].upper().replace(".", " !")
    with pytest.raises(UserError, match="1 texts are in more than one split") as raised:
        audit_leakage(posts, splits.sample(frac=1, random_state=0), clusters)
    assert "number" not in str(raised.value).lower()


def test_coverage_counts_and_gives_the_reason_for_an_absent_criterion():
    labels = np.zeros((40, 4))
    labels[:20, 0] = 1  # "often"
    labels[:2, 1] = 1  # "twice", in one cluster
    labels[5, 2] = 1  # "once"
    posts, pairs, clusters = labelled(labels, ["often", "twice", "once", "never"])
    clusters = np.where(clusters == 1, 0, clusters)
    split = np.repeat(["train", "validation", "test"], [30, 5, 5])
    split[[19, 20]] = ["test", "validation"]
    splits = pd.DataFrame({"post_id": posts["post_id"], "split": split}).sample(frac=1, random_state=0)
    report = coverage(posts, pairs, splits, clusters)
    assert report["splits"]["train"] == {"posts": 28, "clusters": 27}
    assert report["splits"]["test"] == {"posts": 6, "clusters": 6}
    often = report["criteria"]["often"]
    assert often["positives"] == {"train": 19, "validation": 0, "test": 1}
    assert often["pairs"] == {"train": 28, "validation": 6, "test": 6}
    assert often["clusters_with_a_positive"] == 19
    reason = "its 20 positives stand in 19 clusters of posts, all in other splits"
    assert often["absent_because"] == {"validation": reason}
    why = {criterion: row["absent_because"] for criterion, row in report["criteria"].items()}
    assert why["twice"]["test"] == "its 2 positives stand in 1 cluster of posts, fewer than the splits"
    assert why["once"]["test"] == "its 1 positive stands in 1 cluster of posts, fewer than the splits"
    assert why["never"] == dict.fromkeys(SPLITS, "no post shows it")


def test_coverage_leaves_out_posts_without_text():
    posts, pairs, clusters = corpus(n=60)
    posts.loc[4, "text"] = " "
    pairs = pairs[pairs["post_id"] != "p4"]
    splits = split_posts(posts, pairs, clusters, RATIOS, seed=0)
    report = coverage(posts, pairs, splits, clusters)
    assert sum(part["posts"] for part in report["splits"].values()) == 59
    counted = sum(sum(row["positives"].values()) for row in report["criteria"].values())
    assert counted == (pairs["label"] == 1).sum()
