"""The synthetic corpus: its format, its statistics, and that the committed files are what it generates."""

import json
from pathlib import Path

import numpy as np
import pytest

from psy_agents.corpus.synthetic.generator import LABEL_NOISE, annotate, generate_corpus
from psy_agents.corpus.synthetic.grammar import as_sentence, expand, parse
from psy_agents.corpus.synthetic.posts import CRITERION_RATES, NO_CRITERION_RATE, compose_post
from psy_agents.corpus.synthetic.sentences import (
    CRITERIA,
    HardNegative,
    double_evidence,
    evidence,
    hard_negative,
)
from psy_agents.corpus.synthetic.wording import WORDING
from psy_agents.errors import UserError

COMMITTED = Path(__file__).parents[2] / "data" / "01_raw" / "synthetic"
COMMITTED_POSTS, COMMITTED_SEED = 160, 20


@pytest.fixture(scope="module")
def corpus():
    return generate_corpus(4000, seed=7)


@pytest.fixture(scope="module")
def committed():
    return generate_corpus(COMMITTED_POSTS, COMMITTED_SEED)


@pytest.fixture(scope="module")
def positives(corpus):
    """Number of annotated evidence sentences of each (post, criterion) that has any."""
    rows = corpus.annotations[corpus.annotations.status == 1]
    return rows.groupby(["post_id", "DSM5_symptom"]).size()


def test_the_same_seed_gives_the_same_corpus_and_another_seed_another():
    one, same, other = generate_corpus(30, 1), generate_corpus(30, 1), generate_corpus(30, 2)
    assert one.posts.equals(same.posts)
    assert one.annotations.equals(same.annotations)
    assert not one.posts.equals(other.posts)


def test_a_larger_corpus_begins_with_the_smaller_one():
    assert generate_corpus(60, 1).posts.head(30).equals(generate_corpus(30, 1).posts)


@pytest.mark.parametrize("name", ["posts", "annotations"])
def test_the_committed_tables_are_what_the_generator_writes(committed, name):
    written = getattr(committed, name).to_csv(index=False, lineterminator="\n").encode()
    assert (COMMITTED / f"{name}.csv").read_bytes() == written


def test_the_committed_criteria_are_the_generators(committed):
    assert json.loads((COMMITTED / "criteria.json").read_text()) == committed.criteria


def test_tables_have_the_redsm5_format(corpus):
    assert list(corpus.posts) == ["post_id", "text"]
    assert list(corpus.annotations) == [
        "post_id", "sentence_id", "sentence_text", "DSM5_symptom", "status", "explanation",
    ]  # fmt: skip
    assert set(corpus.annotations.DSM5_symptom) == set(corpus.criteria) == set(CRITERION_RATES)
    assert set(corpus.annotations.status) == {0, 1}
    assert not corpus.annotations.duplicated(["sentence_id", "DSM5_symptom"]).any()
    for row in corpus.annotations.itertuples():
        post_id, index = row.sentence_id.rsplit("_", 1)
        assert post_id == row.post_id and index.isdigit()


def test_criteria_are_short():
    assert all(len(wording.criterion.split()) <= 20 for wording in WORDING.values())


def test_every_annotated_sentence_stands_once_verbatim_in_its_post(corpus):
    texts = dict(zip(corpus.posts.post_id, corpus.posts.text, strict=True))
    assert all(texts[row.post_id].count(row.sentence_text) == 1 for row in corpus.annotations.itertuples())


def test_no_two_posts_are_alike(corpus):
    assert corpus.posts.post_id.is_unique
    assert corpus.posts.text.is_unique


def test_criteria_have_their_skewed_frequencies(corpus, positives):
    shares = positives.groupby("DSM5_symptom").size() / len(corpus.posts)
    assert shares.idxmax() == "DEPRESSED_MOOD"
    assert shares.idxmin() == "PSYCHOMOTOR"
    for criterion, rate in CRITERION_RATES.items():
        assert shares[criterion] == pytest.approx(rate, abs=0.03)


@pytest.mark.parametrize("size", ["corpus", "committed"])
def test_about_a_quarter_of_posts_meet_no_criterion(size, request):
    corpus = request.getfixturevalue(size)
    met = corpus.annotations[corpus.annotations.status == 1].post_id.nunique()
    assert 1 - met / len(corpus.posts) == pytest.approx(NO_CRITERION_RATE, abs=0.08)


def test_lengths_have_a_long_tail(corpus):
    words = corpus.posts.text.str.split().str.len()
    assert 45 <= words.median() <= 75
    assert words.quantile(0.99) > 4 * words.median()
    assert (words > 400).any()


def test_evidence_often_stands_in_several_sentences(positives):
    assert 0.25 < (positives > 1).mean() < 0.65


def test_some_sentences_are_evidence_for_two_criteria(corpus):
    rows = corpus.annotations[corpus.annotations.status == 1]
    assert rows.groupby("sentence_id").DSM5_symptom.nunique().max() == 2


def test_hard_negatives_are_a_minority_of_every_kind(corpus):
    absent = corpus.annotations[corpus.annotations.status == 0]
    assert 0.15 < len(absent) / len(corpus.annotations) < 0.45
    for kind in HardNegative:
        assert absent.explanation.str.contains(kind.value).mean() > 0.1


def test_hard_negatives_may_stand_beside_evidence_for_the_same_criterion(corpus):
    statuses = corpus.annotations.groupby(["post_id", "DSM5_symptom"]).status.nunique()
    assert (statuses == 2).any()


def test_some_annotations_are_missed_and_as_many_have_the_wrong_status():
    rng = np.random.default_rng(0)
    posts = [compose_post(rng) for _ in range(2500)]
    mentions = missed = flipped = 0
    for post in posts:
        rows = {(row[1], row[3]): row[4] for row in annotate("p", post, rng)}
        for index, sentence in enumerate(post.sentences):
            for mention in sentence.mentions:
                status = rows.get((f"p_{index}", mention.criterion))
                mentions += 1
                missed += status is None
                flipped += status == 1 - mention.status
    assert missed / mentions == pytest.approx(LABEL_NOISE / 2, abs=0.006)
    assert flipped / mentions == pytest.approx(LABEL_NOISE / 2, abs=0.006)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_criterion_has_many_ways_to_say_it(criterion):
    rng = np.random.default_rng(0)
    assert len(WORDING[criterion].statements) >= 10
    sentences = {evidence(criterion, rng) for _ in range(300)}
    assert len(sentences) > 200


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_sentence_is_clean(criterion):
    rng = np.random.default_rng(0)
    other = next(name for name in CRITERIA if name != criterion)
    sentences = [evidence(criterion, rng) for _ in range(200)]
    sentences += [hard_negative(criterion, kind, rng) for kind in HardNegative for _ in range(200)]
    sentences += [double_evidence(criterion, other, rng) for _ in range(50)]
    for sentence in sentences:
        assert sentence[0] == sentence[0].upper()
        assert sentence[-1] in ".!?"
        assert not set(sentence) & set("[]{}|\n")
        assert "  " not in sentence and " ," not in sentence and ",," not in sentence


@pytest.mark.parametrize("n_posts", [0, -3, 2.5, True, "ten"])
def test_a_corpus_size_that_is_no_positive_whole_number_is_refused(n_posts):
    with pytest.raises(UserError, match="n_posts"):
        generate_corpus(n_posts, seed=0)


def test_a_negative_seed_is_refused():
    with pytest.raises(UserError, match="seed"):
        generate_corpus(3, seed=-1)


def test_templates_draw_choices_and_slots_within_each_other():
    rng = np.random.default_rng(0)
    drawn = {expand("a [b|{x} c|], d", {"x": ("[e|f]",)}, rng) for _ in range(200)}
    assert drawn == {"a b, d", "a e c, d", "a f c, d", "a, d"}
    assert as_sentence("is it?") == "Is it?"


@pytest.mark.parametrize("template", ["a [b|c", "a b]", "{open", "a {} b"])
def test_a_template_with_unmatched_brackets_is_refused(template):
    with pytest.raises(ValueError):
        parse(template)
