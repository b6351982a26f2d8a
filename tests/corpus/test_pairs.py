"""Labels, spans and ledgers of the (post, criterion) pairs."""

import copy
import time

import pandas as pd
import pytest

from psy_agents.corpus.fingerprint import data_hash, hashed_id
from psy_agents.corpus.pairs import build_pairs, check_report, find_all
from psy_agents.errors import UserError

CRITERIA = {"sleep": "Sleeps badly.", "mood": "Low mood.", "x/y %": "An id of any shape."}
TEXT = "I cannot sleep.  Every day is grey.\nI cannot sleep. Again."


def posts(**texts):
    return pd.DataFrame({"post_id": list(texts), "text": list(texts.values())}, dtype=str)


def annotations(*rows):
    frame = pd.DataFrame(rows, columns=["post_id", "sentence_text", "criterion", "status"])
    return frame.astype({"post_id": str, "sentence_text": str, "criterion": str, "status": "int8"})


def pair(tables, post_id, criterion):
    pairs = tables.pairs
    return pairs[(pairs["post_id"] == post_id) & (pairs["criterion"] == criterion)].squeeze()


def test_every_post_with_text_meets_every_criterion_in_order():
    tables = build_pairs(posts(b="Two.", a="One.", blank=" \n"), annotations(("a", "One.", "mood", 1)), CRITERIA)
    assert list(zip(tables.pairs["post_id"], tables.pairs["criterion"], strict=True)) == [
        (post, criterion) for post in ("b", "a") for criterion in CRITERIA
    ]
    assert tables.pairs["label"].dtype == "int8"
    assert tables.report["posts"] == {"in": 3, "used": 2, "set_aside": {"blank_text": 1}}


def test_one_row_of_status_1_makes_a_pair_positive_and_rows_of_status_0_explicitly_negative():
    rows = [("a", "Grey.", "mood", 0), ("a", "Black.", "mood", 1), ("a", "Grey.", "sleep", 0)]
    tables = build_pairs(posts(a="Grey. Black."), annotations(*rows), CRITERIA)
    assert tables.pairs["origin"].tolist() == ["explicit_negative", "positive", "implicit_negative"]
    assert tables.pairs["label"].tolist() == [0, 1, 0]
    assert pair(tables, "a", "mood")["starts"] == [6]
    assert pair(tables, "a", "sleep")["starts"] == []
    assert tables.report["pairs"]["origins"] == {"implicit_negative": 1, "explicit_negative": 1, "positive": 1}
    assert tables.report["pairs"]["positives"] == {"sleep": 0, "mood": 1, "x/y %": 0}


def test_spans_are_the_stripped_sentences_sorted_without_repeats_at_every_place():
    rows = [
        ("a", "Every day is grey.", "sleep", 1),
        ("a", " I cannot sleep.\n", "sleep", 1),
        ("a", "I cannot sleep.", "sleep", 1),
    ]
    tables = build_pairs(posts(a=TEXT), annotations(*rows), CRITERIA)
    row = pair(tables, "a", "sleep")
    assert [TEXT[s:e] for s, e in zip(row["starts"], row["ends"], strict=True)] == [
        "I cannot sleep.",
        "Every day is grey.",
        "I cannot sleep.",
    ]
    assert row["starts"] == sorted(row["starts"])
    assert tables.report["places"] == {"in": 5, "used": 3, "set_aside": {"repeated": 2}}


def test_sentences_hold_every_placed_row_of_either_status_and_a_conflict_counts_as_shown():
    rows = [("a", "Again.", "mood", 0), ("a", "Again.", "sleep", 0), ("a", "Again.", "sleep", 1)]
    tables = build_pairs(posts(a=TEXT), annotations(*rows), CRITERIA)
    start = TEXT.index("Again.")
    assert tables.sentences.to_dict("records") == [
        {"post_id": "a", "criterion": "sleep", "start": start, "end": start + 6, "status": 1},
        {"post_id": "a", "criterion": "mood", "start": start, "end": start + 6, "status": 0},
    ]


def test_a_positive_sentence_that_stands_nowhere_keeps_the_label_and_makes_the_evidence_unknown():
    rows = [("a", "Again.", "sleep", 1), ("a", "Not there.", "sleep", 1), ("a", "Not there.", "mood", 0)]
    tables = build_pairs(posts(a=TEXT), annotations(*rows), CRITERIA)
    assert tables.pairs["label"].tolist() == [1, 0, 0]
    assert tables.pairs["evidence_known"].tolist() == [False, True, True]
    assert tables.report["spans"]["set_aside"] == {"blank_sentence": 0, "sentence_not_found": 2}
    assert tables.report["positive_sentences"] == {"in": 2, "not_found": 1}


def test_a_blank_sentence_hides_evidence_only_where_the_pair_has_no_other():
    rows = [("a", " ", "sleep", 1), ("a", " ", "mood", 1), ("a", "Again.", "mood", 1)]
    tables = build_pairs(posts(a=TEXT), annotations(*rows), CRITERIA)
    assert tables.pairs["evidence_known"].tolist() == [False, True, True]
    assert tables.report["spans"]["set_aside"]["blank_sentence"] == 2


def test_a_short_sentence_is_not_found_inside_words_unless_it_stands_nowhere_else():
    assert find_all("A cat. AA A", "A") == [0, 10]
    assert find_all("concatenate", "cat") == [3]
    assert find_all("aaaa", "aa") == [0, 2]
    assert find_all("none", "x") == []


def test_ignored_labels_and_posts_without_text_are_counted():
    rows = [("a", "Again.", "SPECIAL_CASE", 1), ("blank", "Gone.", "mood", 1), ("a", "Again.", "mood", 1)]
    tables = build_pairs(posts(a=TEXT, blank=" "), annotations(*rows), CRITERIA)
    assert tables.report["annotations"] == {
        "in": 3,
        "used": 1,
        "set_aside": {"ignored_label": 1, "post_without_text": 1},
    }


def test_rows_of_unknown_posts_are_refused_with_their_count():
    rows = [("a", "Again.", "mood", 1), ("ghost", "x", "mood", 1), ("ghost", "y", "mood", 0)]
    with pytest.raises(UserError, match=r"2 of 3 rows name 1 post_id"):
        build_pairs(posts(a=TEXT), annotations(*rows), CRITERIA)


def test_unknown_labels_are_refused_by_name_unless_they_are_as_long_as_text():
    rows = [("a", "Again.", "anger", 1), ("a", "Again.", "I wrote a sentence in the wrong column here", 1)]
    with pytest.raises(UserError, match=r"2 of 2 rows .*\(anger and 1 more\)") as error:
        build_pairs(posts(a=TEXT), annotations(*rows), CRITERIA)
    assert "wrong column" not in str(error.value)


def test_a_label_is_a_criterion_or_ignored_but_not_both():
    with pytest.raises(UserError, match="mood is both"):
        build_pairs(posts(a=TEXT), annotations(("a", "Again.", "mood", 1)), CRITERIA, ignored_labels=("mood",))


def test_a_report_that_does_not_add_up_is_refused():
    report = build_pairs(posts(a=TEXT), annotations(("a", "Again.", "mood", 1)), CRITERIA).report
    for spoil in (lambda r: r["spans"].update(used=0), lambda r: r["pairs"]["origins"].update(positive=7)):
        broken = copy.deepcopy(report)
        spoil(broken)
        with pytest.raises(RuntimeError, match="add up"):
            check_report(broken)


def test_a_corpus_without_annotated_evidence_still_makes_pairs():
    tables = build_pairs(posts(a=TEXT), annotations(("a", "gone", "SPECIAL_CASE", 1)), CRITERIA)
    assert tables.pairs["label"].sum() == 0
    assert tables.sentences.empty


def test_time_grows_with_the_rows():
    n = 4000
    many = posts(**{f"p{i}": f"{TEXT} Number {i}." for i in range(n)})
    rows = annotations(*((f"p{i}", f"Number {i}.", "mood", 1) for i in range(n)))
    begin = time.perf_counter()
    tables = build_pairs(many, rows, CRITERIA)
    assert time.perf_counter() - begin < 3
    assert tables.report["pairs"]["evidence_unknown"] == 0


def hashed(tables, frame, **changes):
    splits = pd.DataFrame({"post_id": ["a"], "split": ["train"]})
    parts = {"posts": frame, "pairs": tables.pairs, "sentences": tables.sentences, "splits": splits}
    return data_hash(**(parts | {"criteria": CRITERIA} | changes))


def test_the_hash_of_the_data_outlives_saving_and_changes_with_any_value(tmp_path):
    frame = posts(a=TEXT)
    tables = build_pairs(frame, annotations(("a", "Again.", "mood", 1)), CRITERIA)
    first = hashed(tables, frame)
    assert len(first) == 64 and int(first, 16)

    path = tmp_path / "pairs.json"
    tables.pairs.to_json(path, orient="records")
    loaded = pd.read_json(path, orient="records", dtype={"post_id": str})
    assert loaded["label"].dtype == "int64"
    assert hashed(tables, frame, pairs=loaded[loaded.columns[::-1]]) == first

    assert hashed(tables, posts(a=TEXT + " ")) != first
    assert hashed(tables, frame, criteria=CRITERIA | {"mood": "Other."}) != first
    assert hashed(tables, frame, splits=pd.DataFrame({"post_id": ["a"], "split": ["test"]})) != first
    assert hashed(tables, frame, pairs=tables.pairs.assign(starts=[[], [1], []])) != first
    assert hashed(tables, frame, pairs=tables.pairs.assign(starts=[[tables.pairs["starts"][1][0]], [], []])) != first


def test_a_hashed_id_hides_the_id_and_depends_on_the_salt():
    assert hashed_id("user_17", "salt") == hashed_id("user_17", "salt")
    assert hashed_id("user_17", "salt") != hashed_id("user_17", "pepper")
    assert len(hashed_id("user_17", "salt")) == 16
