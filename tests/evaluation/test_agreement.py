"""Agreement of annotators: published and known values, and intervals over clusters."""

import re

import numpy as np
import pandas as pd
import pytest

from psy_agents.corpus.corpus import Corpus
from psy_agents.evaluation.agreement import annotator_agreement

MEG = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
OWEN = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]


def agreement(raters, criteria=("sleep",), clusters=None, **options):
    """Of ratings (raters, posts, criteria), NaN where one is missing."""
    raters = np.asarray(raters, dtype=float).reshape(len(raters), -1, len(criteria))
    posts = [f"p{number}" for number in range(raters.shape[1])]
    rows = [
        (posts[post], criteria[criterion], rater, int(raters[rater, post, criterion]))
        for rater, post, criterion in zip(*np.nonzero(~np.isnan(raters)), strict=True)
    ]
    splits = pd.DataFrame({"post_id": posts, "split": "train", "cluster": range(len(posts)) if clusters is None else clusters})
    corpus = Corpus(posts=splits, pairs=splits, sentences=splits, splits=splits, criteria=dict.fromkeys(criteria, "text"))
    ratings = pd.DataFrame(rows, columns=["post_id", "criterion", "annotator", "label"])
    return annotator_agreement(ratings.assign(starts=[[]] * len(rows), ends=[[]] * len(rows), evidence_known=False), corpus, **options)


def test_alpha_is_that_of_krippendorffs_example_of_two_observers():
    """"Computing Krippendorff's Alpha-Reliability", 2011, section A."""
    found = agreement([MEG, OWEN]).criteria["sleep"]
    assert found.alpha.value == pytest.approx(0.095, abs=5e-4)
    assert found.f1.value == pytest.approx(2 * 1 / (2 + 4)), "of two raters: 2 both / (first + second)"
    assert (found.posts, found.met_by_any) == (10, 5)


def test_alpha_allows_missing_ratings():
    """The package krippendorff 0.9.0 gives 0.4793 for these ratings."""
    nan = np.nan
    raters = [
        [1, 0, 1, 1, 0, 0, nan, 1, 0, nan],
        [1, 0, 0, 1, 0, 1, 0, nan, nan, nan],
        [nan, 0, 1, 1, nan, 0, 1, 1, 0, 1],
    ]
    found = agreement(raters).criteria["sleep"]
    assert found.alpha.value == pytest.approx(0.4793, abs=5e-5)
    assert found.posts == 9, "one post has a single rating"


def test_equal_ratings_agree_wholly_and_without_variation_nothing_is_defined():
    found = agreement([np.stack([MEG, [0] * 10], axis=1)] * 3, criteria=("sleep", "mood"))
    assert (found.criteria["sleep"].alpha.value, found.criteria["sleep"].f1.value) == (1, 1)
    assert (found.criteria["mood"].alpha, found.criteria["mood"].f1) == (None, None)
    assert (found.mean_alpha.value, found.mean_f1.value) == (1, 1), "of the criteria that have the figure"
    assert (found.annotators, found.posts, found.posts_of_several) == (3, 10, 10)
    assert found.criteria["sleep"].f1.low < 0.6, "two posts show little, though all agree"
    assert found.criteria["sleep"].alpha.low is None, "no resample disagrees, so none says how sure it is"


def of_evidence(marks, text="one two three four five six", **options):
    """Of marked words by post and annotator, None where the place is unknown; one criterion."""
    words = [(match.start(), match.end()) for match in re.finditer(r"\w+", text)]
    rows = []
    for post, of_post in enumerate(marks):
        for annotator, marked in enumerate(of_post):
            starts, ends = ([words[word][side] for word in marked or ()] for side in (0, 1))
            rows.append((f"p{post}", "sleep", annotator, int(marked is None or bool(marked)), starts, ends, marked is not None))
    splits = pd.DataFrame({"post_id": [f"p{post}" for post in range(len(marks))], "split": "train", "cluster": range(len(marks))})
    corpus = Corpus(posts=splits.assign(text=text), pairs=splits, sentences=splits, splits=splits, criteria={"sleep": "text"})
    columns = ["post_id", "criterion", "annotator", "label", "starts", "ends", "evidence_known"]
    return annotator_agreement(pd.DataFrame(rows, columns=columns), corpus, **options)


def test_evidence_of_annotators_agrees_by_its_words_as_an_agents_does():
    """Words of both: 2 + 0; of each: 2 + 3 and 0 + 1. The third post has an unknown place, in the last nobody marks anything."""
    found = of_evidence([[[0, 1], [0, 1, 2]], [[], [5]], [[1], None], [[], []]])
    assert found.token_f1.value == pytest.approx(2 * 2 / (2 + 3 + 0 + 1)) == found.criteria["sleep"].token_f1.value
    assert found.evidence_pairs == found.criteria["sleep"].evidence_pairs == 2
    assert 0 <= found.token_f1.low < found.token_f1.value < found.token_f1.high <= 1
    assert of_evidence([[[1], None]]).token_f1 is None and of_evidence([[[1], [1]]], resamples=0).token_f1.low is None


def test_each_rating_counts_once_however_many_annotate_a_post():
    """Three annotators, one of whom marks another word: 1 + 0 + 0 shared words of two, each two weigh a half, as 1.5 ratings."""
    three, two = of_evidence([[[0], [0], [3]]]), of_evidence([[[0], [0]], [[0], [3]]])
    assert three.token_f1.value == pytest.approx(1 / 3)
    both = of_evidence([[[0], [0], [3]], [[0], [0]]])
    assert both.token_f1.value == pytest.approx(2 * (0.5 + 1) / (3 + 2)) and two.token_f1.value == pytest.approx(0.5)


def test_posts_of_a_single_annotator_tell_nothing():
    found = agreement([[1, 1, np.nan, np.nan], [np.nan, np.nan, 1, 0]])
    assert (found.posts, found.posts_of_several, found.criteria["sleep"].alpha) == (4, 0, None)


def test_intervals_draw_clusters_whole():
    """Forty posts, each five times, show no more than forty posts: the interval is about as wide as theirs."""
    rng = np.random.default_rng(0)
    first = rng.random(40) < 0.4
    second = np.where(rng.random(40) < 0.8, first, ~first)
    alone = agreement([first, second]).criteria["sleep"]
    repeated = [np.repeat(each, 5) for each in (first, second)]
    together = agreement(repeated, clusters=np.repeat(np.arange(40), 5)).criteria["sleep"]
    for ends in ("low", "high"):
        assert getattr(together.f1, ends) == pytest.approx(getattr(alone.f1, ends), abs=0.02)
        assert getattr(together.alpha, ends) == pytest.approx(getattr(alone.alpha, ends), abs=0.02)
    apart = agreement(repeated).criteria["sleep"]
    assert apart.f1.high - apart.f1.low < 0.6 * (alone.f1.high - alone.f1.low)
    assert agreement([first, second], resamples=0).criteria["sleep"].f1.low is None
