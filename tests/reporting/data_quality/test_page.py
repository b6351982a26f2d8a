"""The data-quality page: its headline, its notes, no text of posts, and escaped ids."""

import re

import pandas as pd
from support.reporting.small_quality import CANARY, CRITERIA, WINDOWING, prepared, quality_of, raw_tables, word_ends

from psy_agents.corpus.prepare import prepare_corpus
from psy_agents.corpus.quality import Windowing, describe_quality
from psy_agents.evaluation.agreement import annotator_agreement
from psy_agents.reporting.data_quality.build import quality_figures
from psy_agents.reporting.data_quality.figures import labels_plot
from psy_agents.reporting.data_quality.page import headline, notes, quality_page

NASTY = ["</script><script>alert(1)</script>", "<b>&amp;</b>", "2020-01-01", "%{x}"]


def test_the_headline_counts_and_a_clean_corpus_has_nothing_to_note():
    report = quality_of(windowing=Windowing("words", 20, 4, 0.5, word_ends))
    assert headline(report) == (
        "40 posts, all used; 20 of 20 positive rows placed in their posts; 20 of 80 pairs positive; "
        "0.0\u00a0% of the posts' tokens lie beyond the first window of 20."
    )
    assert notes(report) == []
    assert "Nothing is missing, set aside or uncertain." in quality_page(report, *quality_figures(report))


def test_what_is_missing_set_aside_or_uncertain_is_noted_with_its_counts():
    posts, annotations = raw_tables(60)
    posts.loc[59, "text"] = " "
    posts.loc[50:58, "text"] = posts["text"][50]
    annotations = annotations[~annotations["post_id"].isin(posts["post_id"][50:])]
    annotations.loc[0, "sentence_text"] = "Nothing of the kind stands in this post."
    annotations.loc[1, "sentence_text"] = " "
    annotations.loc[2, "sentence_text"] = "came 2 and were sign2 again."
    annotations.loc[len(annotations)] = [posts["post_id"][3], "Mark", "SPECIAL_CASE", "1"]
    found = " ".join(notes(quality_of(posts, annotations)))
    assert "Set aside: 1 of 60 posts (1 blank text)." in found
    assert "Set aside: 1 of 51 annotations (1 ignored label)." in found
    assert "Placed by similarity alone (fuzzy): 1 of 50 sentences." in found
    assert "Not placed in their posts: 2 of 50 sentences, 1 of them blank." in found
    assert "Evidence unknown in whole or in part: 2 of 26 positive pairs." in found
    assert "50.0\u00a0% of all tokens of posts lie beyond the first window (max_length 10)" in found
    assert "The largest cluster of near-duplicates holds 9 of 59 posts" in found


def test_posts_without_a_group_are_noted_and_no_group_is_named():
    posts, annotations = raw_tables()
    author = ["", *(f"{CANARY} author {number}" for number in range(39))]
    report = quality_of(posts.assign(author=author), annotations, columns={"posts": {"group": "author"}})
    page = quality_page(report, *quality_figures(report))
    assert "Posts without a group: 1 of 40." in " ".join(notes(report))
    assert "posts in the largest group" in page and "near-duplicates and posts of one group" in page
    assert CANARY not in page


def test_annotators_are_compared_and_not_named():
    posts, annotations = raw_tables()
    rows = pd.concat([annotations.assign(who=f"{CANARY} {name}") for name in ("Ann", "Bob")])
    _, corpus, settings = prepared(posts, rows, columns={"annotations": {"annotator": "who"}})
    made = prepare_corpus(posts, rows, CRITERIA, settings, salt="salt")
    quality = describe_quality(made.account, corpus, settings, WINDOWING)
    report = quality.model_copy(update={"annotators": annotator_agreement(made.ratings, corpus)})
    page = quality_page(report, *quality_figures(report))
    assert "Agreement of 2 annotators on the 40 posts" in page
    assert "1.000" in page and CANARY not in page
    assert "Agreement of" not in quality_page(quality, *quality_figures(quality))
    alone = annotator_agreement(made.ratings[made.ratings["annotator"] == 0], corpus)
    assert "No post has rows of several annotators" in " ".join(notes(report.model_copy(update={"annotators": alone})))


def test_a_criterion_without_a_positive_pair_is_noted_with_the_reason():
    posts, annotations = raw_tables()
    annotations["DSM5_symptom"] = "sleep"
    assert "Criterion mood has no positive pair in any split: no post shows it." in notes(quality_of(posts, annotations))
    lost = annotations.assign(status="1", sentence_text="Nothing of the kind is in any of these.")
    report = quality_of(posts, lost, alignment={"mode": "drop"})
    assert CANARY not in quality_page(report, *quality_figures(report))


def test_absences_of_many_criteria_do_not_fill_the_page():
    criteria = {f"c{i}": f"Text {i}." for i in range(200)}
    report = quality_of(*raw_tables(criteria=criteria), criteria=criteria)
    absent = [note for note in notes(report) if "no positive pair" in note]
    assert len(absent) == 6
    assert absent[-1].startswith("195 more of 200 criteria")


def test_ids_of_any_form_are_shown_unchanged():
    criteria = {criterion: f"Text of {number}." for number, criterion in enumerate(NASTY)}
    posts, annotations = raw_tables(criteria=criteria)
    report = quality_of(posts, annotations, criteria=criteria, files={"posts": "<i>posts</i>.csv"})
    page = quality_page(report, *quality_figures(report))
    body = page[page.index("<body>") :]
    assert not any(criterion in body for criterion in NASTY[:2])
    assert "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "&lt;b&gt;&amp;amp;&lt;/b&gt;" in body
    assert "<i>" not in body
    ticks = labels_plot(report).layout.yaxis
    assert list(ticks.tickvals) == [0, 1, 2, 3]
    assert list(ticks.ticktext)[1:] == ["&lt;b&gt;&amp;amp;&lt;/b&gt;", "2020-01-01", "%{x}"]


def test_no_text_and_no_id_of_a_post_is_in_any_output():
    posts, annotations = raw_tables()
    annotations.loc[0, "sentence_text"] = f"{CANARY} is nowhere in this form, not in any post at all."
    annotations["explanation"] = CANARY
    account, corpus, settings = prepared(posts, annotations)
    assert CANARY in corpus.posts["text"][0]
    report = describe_quality(account, corpus, settings, WINDOWING)
    figures = quality_figures(report)
    outputs = [report.model_dump_json(), quality_page(report, *figures), *(figure.to_json() for figure in figures)]
    for output in outputs:
        assert CANARY not in output
        assert "sign1" not in output


def test_the_page_loads_nothing_and_is_reproducible():
    report = quality_of()
    page = quality_page(report, *quality_figures(report))
    assert page == quality_page(report, *quality_figures(report))
    assert not re.search(r"<script[^>]*\ssrc=|<link\b|<img\b|@import", page)
    assert page.count("* plotly.js (basic - minified)") == 1
    for name in ("rows", "labels", "lengths"):
        assert page.count(f'<div class="figure" id="{name}"') == 1
