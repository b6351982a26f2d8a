"""The data-quality report counts the tokens and windows that agents read."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import tiny_agents

from psy_agents.agents.encoders.tokenizer import plain_tokenizer
from psy_agents.corpus.alignment.align import STAGES
from psy_agents.corpus.annotators import COLUMNS
from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.quality_figures import DataQuality
from psy_agents.errors import UserError
from psy_agents.pipelines.data_quality.nodes import report as report_node
from psy_agents.training.config import TrainingSettings


@pytest.fixture(scope="module", params=["bert", "roberta", "xlm-roberta"])
def encoder(request, tmp_path_factory):
    return tiny_agents.build_encoder(request.param, tmp_path_factory.mktemp("encoders") / request.param)


def tables_of(corpus):
    """The account of the tiny corpus, the corpus with its columns, and no ratings, as the preprocessing would give them."""
    splits = corpus.splits.assign(cluster=range(len(corpus.posts)))
    zero = dict.fromkeys(("in", *STAGES), 0)
    whole = {"in": 0, "used": 0, "set_aside": {}}
    n_pairs, origins = len(corpus.pairs), corpus.pairs["origin"].value_counts().to_dict()
    account = {
        "posts": {"in": len(splits), "used": len(splits), "set_aside": {}},
        "annotations": whole,
        "alignment": {"rows": zero, "positive_rows": zero},
        "places": whole,
        "pairs": {
            "in": n_pairs, "used": n_pairs, "set_aside": {}, "origins": origins, "conflicting": 0, "evidence_unknown": 1,
        },
    }  # fmt: skip
    return account, replace(corpus, splits=splits), pd.DataFrame(columns=list(COLUMNS))


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.75])
def test_windows_and_evidence_are_those_that_agents_read(encoder, overlap):
    from psy_agents.agents.encoders.tokenizer import load_tokenizer
    from psy_agents.agents.windows import tokenise_pairs
    from psy_agents.training.data import split_pairs
    from psy_agents.training.step.tables import span_targets

    corpus = tiny_agents.build_corpus(40)
    training = TrainingSettings(fixed={"encoder": encoder, "max_length": 40, "window_overlap": overlap})
    report = DataQuality.model_validate(report_node(*tables_of(corpus), CorpusSettings(), training)[0])

    tokenizer = load_tokenizer(Path(encoder))
    longest = max(corpus.criteria.values(), key=lambda text: len(tokenizer(text)["input_ids"]))
    posts = corpus.posts["text"].tolist()
    cut = {"max_length": 40, "overlap": overlap, "positions": 64}
    windows = np.diff(tokenise_pairs(tokenizer, [longest] * len(posts), posts, **cut).pair_bounds())
    assert report.windows.windows_a_post == {int(n): int((windows == n).sum()) for n in np.unique(windows)}
    assert max(report.windows.windows_a_post) > 2
    assert report.lengths.tokens == sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in posts)

    everywhere = corpus.splits.assign(split="train")
    pairs = corpus.pairs[[len(starts) > 0 for starts in corpus.pairs["starts"]]]
    data = split_pairs(replace(corpus, pairs=pairs, splits=everywhere), "train")
    cut_pairs = tokenise_pairs(tokenizer, [longest] * len(data), data.texts, **cut)
    starts, _ = span_targets(cut_pairs, data)
    assert report.evidence.placed == len(data)
    assert report.evidence.beyond_the_first_window == int(starts[cut_pairs.first[cut_pairs.pair_bounds()[:-1]]].sum()) > 0


def test_a_criterion_that_leaves_no_room_for_the_post_is_refused(encoder):
    training = TrainingSettings(fixed={"encoder": encoder, "max_length": 16})
    account, corpus, ratings = tables_of(tiny_agents.build_corpus(8))
    longer = dict(corpus.criteria)
    longer["energy"] = "low energy or tired most days " * 4
    sentence = r"^training\.fixed\.max_length: windows of 16 tokens are too short, as the criterion energy takes .*: choose at least"
    with pytest.raises(UserError, match=sentence):
        report_node(account, replace(corpus, criteria=longer), ratings, CorpusSettings(), training)


def test_the_node_returns_json_values_of_the_reports_schema(encoder):
    training = TrainingSettings(fixed={"encoder": encoder, "max_length": 40})
    report, *figures, page = report_node(*tables_of(tiny_agents.build_corpus(20)), CorpusSettings(), training)
    assert json.loads(json.dumps(report)) == report
    assert DataQuality.model_validate(report).model_dump(mode="json") == report
    assert [figure.layout.title.text for figure in figures] == ["Positive pairs by split", "Posts by length", "What became of the rows"]
    assert page.startswith("<!DOCTYPE html>")


def test_the_bundled_encoders_saved_truncation_and_padding_are_left_out():
    from psy_agents.agents.config import BUNDLED_ENCODER
    from psy_agents.agents.encoders.loading import locate_encoder
    from psy_agents.agents.encoders.tokenizer import load_tokenizer

    folder = locate_encoder(BUNDLED_ENCODER)
    texts = ["Ünïcode — 日本 “quoted” text… " * 60, "short", "Don't café NAÏVE"]
    expected = load_tokenizer(folder)(texts, add_special_tokens=False)["input_ids"]
    assert [encoding.ids for encoding in plain_tokenizer(folder).encode_batch(texts, add_special_tokens=False)] == expected
