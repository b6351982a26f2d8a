"""The data quality of a corpus: its counts are right and add up."""

from dataclasses import replace

import pytest
from support.reporting.small_quality import WINDOWING, prepared, quality_of, raw_tables, word_ends

from psy_agents.corpus.quality import Windowing, check_sums, describe_quality
from psy_agents.corpus.quality_figures import DataQuality


def changed(report, *path, value):
    """The report with one value changed."""
    data = report.model_dump(mode="json")
    place = data
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return DataQuality.model_validate(data)


def test_labels_lengths_windows_and_evidence_are_counted():
    report = quality_of()
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


def test_groups_are_counted_where_the_posts_have_a_column_of_them():
    posts, annotations = raw_tables()
    author = ["", "a", "a", "a", *(f"author {number // 2}" for number in range(36))]
    report = quality_of(posts.assign(author=author), annotations, columns={"posts": {"group": "author"}})
    assert report.groups.model_dump() == {"groups": 19, "of_several_posts": 19, "largest": 3, "without": 1}
    assert report.clusters.model_dump() == {"clusters": 20, "of_several_posts": 19, "posts_in_them": 39, "largest": 3}
    assert quality_of().groups is None


def test_a_post_that_fits_to_the_token_has_one_window():
    posts, annotations = raw_tables()
    for room, windows in ((11, 2), (12, 1)):
        windowing = Windowing("words", room + 4, 4, 0.0, word_ends)
        assert quality_of(posts, annotations, windowing=windowing).windows.windows_a_post == {windows: 40}


def test_lengths_of_zero_and_of_very_many_tokens_are_in_the_histogram():
    posts, annotations = raw_tables()
    posts.loc[2, "text"] = "word " * 7000
    windowing = Windowing("w", 10, 4, 0.5, lambda texts: (ends if ends.size != 12 else ends[:0] for ends in word_ends(texts)))
    report = quality_of(posts, annotations[annotations["post_id"] != posts["post_id"][2]], windowing=windowing)
    assert report.lengths.quantiles["0%"] == 0
    assert report.lengths.quantiles["100%"] == 7000
    assert report.lengths.posts_in_bin[0] == 39
    assert report.lengths.posts_in_bin[-1] == 1
    assert report.windows.windows_a_post == {1: 39, 2333: 1}


def test_a_criterion_without_any_pair_or_positive_has_the_reason():
    posts, annotations = raw_tables()
    annotations["DSM5_symptom"] = "sleep"
    report = quality_of(posts, annotations)
    assert report.criteria["mood"].absent_because == dict.fromkeys(("train", "validation", "test"), "no post shows it")
    lost = annotations.assign(status="1", sentence_text="Nothing of the kind is in any of these.")
    report = quality_of(posts, lost, alignment={"mode": "drop"})
    assert report.account.pairs.set_aside == {"evidence_not_aligned": 40}
    assert sum(report.criteria["sleep"].pairs.values()) == 0
    assert set(report.criteria["sleep"].absent_because.values()) == {"all its pairs are set aside"}
    assert report.evidence.share_beyond is None


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
    report = quality_of()
    check_sums(report, posts=40, pairs=80)
    with pytest.raises(RuntimeError, match="does not add up"):
        check_sums(changed(report, *path, value=value), posts=40, pairs=80)


def test_tables_of_another_run_are_refused():
    account, corpus, settings = prepared(*raw_tables())
    fewer = replace(corpus, posts=corpus.posts.head(39), pairs=corpus.pairs.head(78), splits=corpus.splits.head(39))
    with pytest.raises(RuntimeError, match="does not add up"):
        describe_quality(account, fewer, settings, WINDOWING)
