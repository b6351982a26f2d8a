"""Near-duplicates and posts of one author, as the corpus finds them, are drawn as one in intervals and tests."""

import numpy as np
import pandas as pd
import pytest

from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.prepare import prepare_corpus, split_corpus
from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.predictions import gold_table, predictions_table
from psy_agents.evaluation.significance import compare

CRITERIA = {"sleep": "Sleeps badly."}
COPIES, POSTS = 3, 40


def corpus_of(post_ids, texts, met, **columns) -> Corpus:
    posts = pd.DataFrame({"post_id": post_ids, "text": texts, **columns})
    rows = pd.DataFrame({"post_id": post_ids, "sentence_text": "I barely slept.", "DSM5_symptom": "sleep", "status": met.astype(str)})
    settings = CorpusSettings.model_validate({"columns": {"posts": {name: name for name in columns}}})
    made = prepare_corpus(posts, rows, CRITERIA, settings, salt="salt")
    splits = split_corpus(made.posts, made.pairs, settings.splits)
    return Corpus(made.posts, made.pairs, made.sentences, splits.assign(split="test"), made.criteria)


def text(number: int, copy: int, alike: bool) -> str:
    """Posts of forty words; copies that are alike differ in the last one."""
    rng = np.random.default_rng(number if alike else number * COPIES + copy)
    return " ".join([*rng.choice(2000, 40).astype(str), f"end{copy}.", "I barely slept."])


def f1_interval(corpus: Corpus, right: np.ndarray, units: dict | None):
    """Of predictions that are right where ``right`` is true."""
    gold = gold_table(corpus.pairs, corpus.splits, "test")
    predicted = np.where(right, gold["label"], 1 - gold["label"]).astype(bool)
    table = predictions_table(gold, probabilities=predicted * 0.8 + 0.1, predicted=predicted, spans=None)
    texts = corpus.posts.set_index("post_id")["text"].to_dict()
    found = evaluate("agent", "agent", table, texts, list(CRITERIA), units=units, resamples=400)
    return table, texts, found.criterion.per_criterion["sleep"].f1


@pytest.mark.parametrize("kind", ["near-duplicates", "authors"])
def test_an_interval_on_copies_is_as_wide_as_on_the_posts_that_were_copied(kind):
    rng = np.random.default_rng(1)
    met, right = rng.integers(2, size=POSTS), rng.random(POSTS) < 0.75
    ids = [f"p{number}" for number in range(POSTS)]
    single = corpus_of(ids, [text(number, 0, True) for number in range(POSTS)], met)
    *_, expected = f1_interval(single, right, single.resampling_units)

    alike = kind == "near-duplicates"
    many = [(number, copy) for number in range(POSTS) for copy in range(COPIES)]
    columns = {} if alike else {"group": [f"author {number}" for number, _ in many]}
    copies = corpus_of(
        [f"p{number}-{copy}" for number, copy in many], [text(*each, alike) for each in many], met.repeat(COPIES), **columns
    )
    assert copies.splits["cluster"].nunique() == POSTS
    _, _, together = f1_interval(copies, right.repeat(COPIES), copies.resampling_units)
    table, texts, apart = f1_interval(copies, right.repeat(COPIES), None)
    width = expected.high - expected.low
    assert together.value == pytest.approx(expected.value)
    assert together.high - together.low == pytest.approx(width, rel=0.05)
    assert apart.high - apart.low == pytest.approx(width / np.sqrt(COPIES), rel=0.1), "too narrow: copies are no further evidence"

    nothing = table.assign(predicted=True, probability=0.9)
    options = {"permutations": 2000}
    (by_unit,) = compare({"a": table, "b": nothing}, texts, list(CRITERIA), units=copies.resampling_units, **options)
    (by_post,) = compare({"a": table, "b": nothing}, texts, list(CRITERIA), **options)
    assert by_unit.p_value > by_post.p_value
