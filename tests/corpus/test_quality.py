"""The data-quality report: figures that add up and agree with the agents' windows, and a page that tells no text."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import tiny_agents

from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.prepare import prepare_corpus, split_corpus
from psy_agents.corpus.quality import DataQuality, Windowing, check_sums, describe_quality
from psy_agents.errors import UserError
from psy_agents.pipelines.data_quality.nodes import report as report_node
from psy_agents.reporting.data_quality.figures import labels_plot, lengths_plot, rows_plot
from psy_agents.reporting.data_quality.page import headline, notes, quality_page
from psy_agents.training.config import TrainingSettings

CRITERIA = {"sleep": "Sleeps badly.", "mood": "Low mood."}
CANARY = "xylocanary"
NASTY = ["</script><script>alert(1)</script>", "<b>&amp;</b>", "2020-01-01", "%{x}"]


def words(texts):
    """Every word is a token."""
    for text in texts:
        yield np.array([match.end() for match in re.finditer(r"\S+", text)], dtype=np.int64)


WINDOWING = Windowing(encoder="words", max_length=10, longest_criterion=4, overlap=0.5, token_ends=words)


def raw(n=40, criteria=CRITERIA):
    """Posts of 12 words; those of the first criterion have their evidence at the end, all others at the start."""
    ids = list(criteria)
    labels = [ids[i % len(ids)] for i in range(n)]
    posts = pd.DataFrame(
        {
            "post_id": [f"{CANARY}{i}" for i in range(n)],
            "text": [f"Mark {i} is {CANARY}{i} alone. Then came {i} and was sign{i} again." for i in range(n)],
        }
    )
    annotations = pd.DataFrame(
        {
            "post_id": posts["post_id"],
            "sentence_text": [
                f"came {i} and was sign{i} again." if label == ids[0] else f"Mark {i} is {CANARY}{i} alone."
                for i, label in enumerate(labels)
            ],
            "DSM5_symptom": labels,
            "status": ["1" if i % 4 < 2 else "0" for i in range(n)],
        }
    )
    return posts, annotations


def prepared(posts, annotations, criteria=CRITERIA, **settings):
    settings = CorpusSettings.model_validate(settings)
    corpus = prepare_corpus(posts, annotations, criteria, settings, salt="salt")
    splits = split_corpus(corpus.posts, corpus.pairs, settings.splits)
    return corpus.account, Corpus(corpus.posts, corpus.pairs, corpus.sentences, splits, corpus.criteria), settings


def described(*tables, criteria=CRITERIA, windowing=WINDOWING, **settings):
    return describe_quality(*prepared(*(tables or raw(criteria=criteria)), criteria, **settings), windowing)


def figures(report):
    return labels_plot(report), lengths_plot(report), rows_plot(report)


def changed(report, *path, value):
    """The report with one value changed."""
    data = report.model_dump(mode="json")
    place = data
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return DataQuality.model_validate(data)


def test_labels_lengths_windows_and_evidence_are_counted():
    report = described()
    assert {name: split.posts for name, split in report.splits.items()} == {"train": 28, "validation": 6, "test": 6}
    assert sum(report.criteria["sleep"].positives.values()) == sum(report.criteria["mood"].positives.values()) == 10
    assert report.criteria["sleep"].clusters_with_a_positive == 10
    assert report.lengths.tokens == 40 * 12
    assert report.lengths.quantiles == dict.fromkeys(report.lengths.quantiles, 12)
    # Six words fit beside the criterion and three are repeated: words 0-5, 3-8, 6-11.
    assert report.windows.windows_a_post == {3: 40}
    assert (report.windows.posts_of_several, report.windows.tokens_beyond_the_first) == (40, 240)
    assert report.windows.share_of_tokens_beyond == 0.5
    assert report.evidence.spans_a_pair == {1: 20}
    assert (report.evidence.placed, report.evidence.beyond_the_first_window, report.evidence.share_beyond) == (20, 10, 0.5)
    assert report.clusters.model_dump() == {"clusters": 40, "of_several_posts": 0, "posts_in_them": 0, "largest": 1}


def test_a_post_that_fits_to_the_token_has_one_window():
    posts, annotations = raw()
    for room, windows in ((11, 2), (12, 1)):
        windowing = Windowing("words", room + 4, 4, 0.0, words)
        assert described(posts, annotations, windowing=windowing).windows.windows_a_post == {windows: 40}


def test_lengths_of_zero_and_of_very_many_tokens_are_in_the_histogram():
    posts, annotations = raw()
    posts.loc[2, "text"] = "word " * 7000
    windowing = Windowing("w", 10, 4, 0.5, lambda texts: (ends if ends.size != 12 else ends[:0] for ends in words(texts)))
    report = described(posts, annotations[annotations["post_id"] != posts["post_id"][2]], windowing=windowing)
    assert report.lengths.quantiles["0%"] == 0
    assert report.lengths.quantiles["100%"] == 7000
    assert report.lengths.posts_in_bin[0] == 39
    assert report.lengths.posts_in_bin[-1] == 1
    assert report.windows.windows_a_post == {1: 39, 2333: 1}
    assert figures(report)[1].data[0].x[0] > 0


def test_a_criterion_without_any_pair_or_positive_is_told_with_the_reason():
    posts, annotations = raw()
    annotations["DSM5_symptom"] = "sleep"
    report = described(posts, annotations)
    assert report.criteria["mood"].absent_because == dict.fromkeys(("train", "validation", "test"), "no post shows it")
    assert "Criterion mood has no positive pair in any split: no post shows it." in notes(report)
    lost = annotations.assign(status="1", sentence_text="Nothing of the kind stands in any of these.")
    report = described(posts, lost, alignment={"mode": "drop"})
    assert report.account.pairs.set_aside == {"evidence_not_aligned": 40}
    assert sum(report.criteria["sleep"].pairs.values()) == 0
    assert set(report.criteria["sleep"].absent_because.values()) == {"all its pairs are set aside"}
    assert report.evidence.share_beyond is None
    assert CANARY not in quality_page(report, *figures(report))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("account", "posts", "used"), 39),
        (("account", "pairs", "origins", "positive"), 19),
        (("account", "alignment", "rows", "exact"), 1),
        (("splits", "test", "posts"), 7),
        (("splits", "train", "clusters"), 29),
        (("splits", "train", "positives"), 0),
        (("criteria", "mood", "pairs", "test"), 0),
        (("criteria", "mood", "positives", "train"), 40),
        (("lengths", "posts_in_bin"), [39]),
        (("windows", "windows_a_post"), {"1": 1, "3": 39}),
        (("windows", "posts_of_several"), 0),
        (("evidence", "spans_a_pair"), {"1": 21}),
        (("evidence", "placed"), 3),
    ],
)
def test_a_count_that_does_not_add_up_is_an_error_of_the_program(path, value):
    report = described()
    check_sums(report, posts=40, pairs=80)
    with pytest.raises(RuntimeError, match="does not add up"):
        check_sums(changed(report, *path, value=value), posts=40, pairs=80)


def test_tables_of_another_run_are_refused():
    account, corpus, settings = prepared(*raw())
    fewer = replace(corpus, posts=corpus.posts.head(39), pairs=corpus.pairs.head(78), splits=corpus.splits.head(39))
    with pytest.raises(RuntimeError, match="does not add up"):
        describe_quality(account, fewer, settings, WINDOWING)


def test_no_text_and_no_id_of_a_post_is_in_any_output():
    posts, annotations = raw()
    annotations.loc[0, "sentence_text"] = f"{CANARY} is nowhere in this form, not in any post at all."
    annotations["explanation"] = CANARY
    account, corpus, settings = prepared(posts, annotations)
    assert CANARY in corpus.posts["text"][0]
    report = describe_quality(account, corpus, settings, WINDOWING)
    shown = [report.model_dump_json(), quality_page(report, *figures(report)), *(figure.to_json() for figure in figures(report))]
    for output in shown:
        assert CANARY not in output
        assert "sign1" not in output


def test_the_headline_counts_and_a_clean_corpus_has_nothing_to_note():
    report = described(windowing=Windowing("words", 20, 4, 0.5, words))
    assert headline(report) == (
        "40 posts, all used; 20 of 20 positive rows placed in their posts; 20 of 80 pairs positive; "
        "0.0\u00a0% of the posts' tokens lie beyond the first window of 20."
    )
    assert notes(report) == []
    assert "Nothing is missing, set aside or uncertain." in quality_page(report, *figures(report))


def test_what_is_missing_set_aside_or_uncertain_is_noted_with_its_counts():
    posts, annotations = raw(60)
    posts.loc[59, "text"] = " "
    posts.loc[50:58, "text"] = posts["text"][50]
    annotations = annotations[~annotations["post_id"].isin(posts["post_id"][50:])]
    annotations.loc[0, "sentence_text"] = "Nothing of the kind stands in this post."
    annotations.loc[1, "sentence_text"] = " "
    annotations.loc[2, "sentence_text"] = "came 2 and were sign2 again."
    annotations.loc[len(annotations)] = [posts["post_id"][3], "Mark", "SPECIAL_CASE", "1"]
    found = " ".join(notes(described(posts, annotations)))
    assert "Set aside: 1 of 60 posts (1 blank text)." in found
    assert "Set aside: 1 of 51 annotations (1 ignored label)." in found
    assert "Placed by similarity alone (fuzzy): 1 of 50 sentences." in found
    assert "Not placed in their posts: 2 of 50 sentences, 1 of them blank." in found
    assert "Evidence unknown in whole or in part: 2 of 26 positive pairs." in found
    assert "50.0\u00a0% of all tokens of posts lie beyond the first window (max_length 10)" in found
    assert "The largest cluster of near-duplicates holds 9 of 59 posts" in found


def test_absences_of_many_criteria_do_not_fill_the_page():
    criteria = {f"c{i}": f"Text {i}." for i in range(200)}
    report = described(*raw(criteria=criteria), criteria=criteria)
    absent = [note for note in notes(report) if "no positive pair" in note]
    assert len(absent) == 6
    assert absent[-1].startswith("195 more of 200 criteria")


def test_ids_of_any_form_are_shown_to_the_letter():
    criteria = {criterion: f"Text of {number}." for number, criterion in enumerate(NASTY)}
    posts, annotations = raw(criteria=criteria)
    report = described(posts, annotations, criteria=criteria, files={"posts": "<i>posts</i>.csv"})
    page = quality_page(report, *figures(report))
    body = page[page.index("<body>") :]
    assert not any(criterion in body for criterion in NASTY[:2])
    assert "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "&lt;b&gt;&amp;amp;&lt;/b&gt;" in body
    assert "<i>" not in body
    ticks = labels_plot(report).layout.yaxis
    assert list(ticks.tickvals) == [0, 1, 2, 3]
    assert list(ticks.ticktext)[1:] == ["&lt;b&gt;&amp;amp;&lt;/b&gt;", "2020-01-01", "%{x}"]


def test_the_page_is_whole_in_itself_and_the_same_each_time():
    report = described()
    page = quality_page(report, *figures(report))
    assert page == quality_page(report, *figures(report))
    assert not re.search(r"<script[^>]*\ssrc=|<link\b|<img\b|@import", page)
    assert page.count("<script>/**\n* plotly.js") == 1
    for name in ("rows", "labels", "lengths"):
        assert page.count(f'Plotly.newPlot(                        "{name}"') == 1


def test_the_figures_show_the_reports_counts():
    labels, lengths, rows = figures(described())
    assert {bar.name: sum(bar.x) for bar in labels.data} == {"train": 14, "validation": 3, "test": 3}
    assert sum(lengths.data[0].y) == 40
    assert [shape.x0 for shape in lengths.layout.shapes] == [6, 10]
    assert list(rows.data[0].text) == ["40", "40", "40", "80"]


@pytest.fixture(scope="module", params=["bert", "roberta", "xlm-roberta"])
def encoder(request, tmp_path_factory):
    return tiny_agents.build_encoder(request.param, tmp_path_factory.mktemp("encoders") / request.param)


def tables_of(corpus):
    """The tiny corpus with the columns and the account that the preprocessing would give."""
    splits = corpus.splits.assign(cluster=range(len(corpus.posts)))
    zero = dict.fromkeys(("in", "exact", "normalised", "fuzzy", "not_found", "blank"), 0)
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
    return account, replace(corpus, splits=splits)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.75])
def test_windows_and_evidence_are_those_that_agents_read(encoder, overlap):
    from psy_agents.agents.encoders.loading import load_tokenizer
    from psy_agents.agents.windows import tokenise_pairs
    from psy_agents.training.batches import span_targets
    from psy_agents.training.data import split_pairs

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
    starts, _ = span_targets(cut_pairs, data, cut_pairs.pair_bounds()[:-1])
    assert report.evidence.placed == len(data)
    assert report.evidence.beyond_the_first_window == int(starts[:, 0].sum()) > 0


def test_a_criterion_that_leaves_no_room_for_the_post_is_refused(encoder):
    training = TrainingSettings(fixed={"encoder": encoder, "max_length": 16})
    account, corpus = tables_of(tiny_agents.build_corpus(8))
    longer = dict(corpus.criteria)
    longer["energy"] = "low energy or tired most days " * 4
    with pytest.raises(UserError, match="max_length is 16, but the longest criterion takes"):
        report_node(account, replace(corpus, criteria=longer), CorpusSettings(), training)


def test_the_node_hands_on_plain_json_of_the_datasets_model(encoder):
    training = TrainingSettings(fixed={"encoder": encoder, "max_length": 40})
    report, *drawn, page = report_node(*tables_of(tiny_agents.build_corpus(20)), CorpusSettings(), training)
    assert json.loads(json.dumps(report)) == report
    assert DataQuality.model_validate(report).model_dump(mode="json") == report
    assert [figure.layout.title.text for figure in drawn] == ["Positive pairs by split", "Posts by length", "What became of the rows"]
    assert page.startswith("<!DOCTYPE html>")


def test_the_bundled_encoders_saved_truncation_and_padding_are_left_out():
    from psy_agents.agents.config import BUNDLED_ENCODER
    from psy_agents.agents.encoders.loading import load_tokenizer, locate_encoder
    from psy_agents.reporting.data_quality.build import plain_tokenizer

    folder = locate_encoder(BUNDLED_ENCODER)
    texts = ["Ünïcode — 日本 “quoted” text… " * 60, "short", "Don't café NAÏVE"]
    expected = load_tokenizer(folder)(texts, add_special_tokens=False)["input_ids"]
    assert [encoding.ids for encoding in plain_tokenizer(folder).encode_batch(texts, add_special_tokens=False)] == expected
