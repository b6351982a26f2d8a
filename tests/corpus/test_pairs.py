"""Labels, spans and ledgers of the (post, criterion) pairs."""

import pandas as pd
import pytest

from psy_agents.corpus.alignment.align import STAGES
from psy_agents.corpus.config import AlignmentSettings, Policies
from psy_agents.corpus.fingerprint import data_hash, hashed_id
from psy_agents.corpus.pairs import build_pairs
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


def test_every_post_meets_every_criterion_in_order():
    tables = build_pairs(posts(b="Two.", a="One."), annotations(("a", "One.", "mood", 1)), CRITERIA)
    assert list(zip(tables.pairs["post_id"], tables.pairs["criterion"], strict=True)) == [
        (post, criterion) for post in ("b", "a") for criterion in CRITERIA
    ]
    assert tables.pairs["label"].dtype == "int8"
    assert tables.report["pairs"]["in"] == tables.report["pairs"]["used"] == 6


def test_one_row_of_status_1_makes_a_pair_positive_and_rows_of_status_0_explicitly_negative():
    rows = [("a", "Grey.", "mood", 0), ("a", "Black.", "mood", 1), ("a", "Grey.", "sleep", 0)]
    tables = build_pairs(posts(a="Grey. Black."), annotations(*rows), CRITERIA)
    assert tables.pairs["origin"].tolist() == ["explicit_negative", "positive", "implicit_negative"]
    assert tables.pairs["label"].tolist() == [0, 1, 0]
    assert pair(tables, "a", "mood")["starts"] == [6]
    assert pair(tables, "a", "sleep")["starts"] == []
    assert tables.report["pairs"]["origins"] == {"implicit_negative": 1, "explicit_negative": 1, "positive": 1}


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
    gone = {"row_set_aside": 0, "repeated": 2, "conflicting_status": 0}
    assert tables.report["places"] == {"in": 5, "used": 3, "set_aside": gone}


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
    stages = {**dict.fromkeys(STAGES, 0), "exact": 1}
    assert tables.report["alignment"]["rows"] == {"in": 3, **stages, "not_found": 2}
    assert tables.report["alignment"]["positive_rows"] == {"in": 2, **stages, "not_found": 1}


def test_a_blank_sentence_hides_evidence_only_where_the_pair_has_no_other():
    rows = [("a", " ", "sleep", 1), ("a", " ", "mood", 1), ("a", "Again.", "mood", 1)]
    tables = build_pairs(posts(a=TEXT), annotations(*rows), CRITERIA)
    assert tables.pairs["evidence_known"].tolist() == [False, True, True]
    assert tables.report["alignment"]["rows"]["blank"] == 2


def test_the_fuzzy_stage_gives_spans_and_is_counted():
    text = "It is a grey day and I feel so very tired of everything around me. Good night."
    rows = [("a", "I feel so very tired of all things around me.", "mood", 1)]
    tables = build_pairs(posts(a=text), annotations(*rows), CRITERIA)
    assert tables.report["alignment"]["positive_rows"]["fuzzy"] == 1
    row = pair(tables, "a", "mood")
    assert "tired of everything around me" in text[row["starts"][0] : row["ends"][0]]
    exactly = build_pairs(posts(a=text), annotations(*rows), CRITERIA, alignment=AlignmentSettings(fuzzy_threshold=None))
    assert exactly.report["alignment"]["positive_rows"]["not_found"] == 1


def test_strict_lists_hashed_ids_and_the_first_row():
    rows = [("a", "Again.", "mood", 1), ("a", "Not there.", "mood", 0), ("a", "", "sleep", 1)]
    strict = AlignmentSettings(mode="strict")
    with pytest.raises(UserError, match=r"2 of 3 rows .*\(1 of them blank; first in row 2 .*in 1 posts") as error:
        build_pairs(posts(a=TEXT), annotations(*rows), CRITERIA, alignment=strict, salt="salt")
    assert hashed_id("a", "salt") in str(error.value)
    assert build_pairs(posts(a=TEXT), annotations(rows[0]), CRITERIA, alignment=strict).pairs["label"].sum() == 1


def test_drop_sets_the_row_aside_and_the_pair_only_where_its_evidence_is_unknown():
    rows = [
        ("a", "Again.", "sleep", 1),
        ("a", "Not there.", "sleep", 1),
        ("a", "Not there.", "mood", 0),
        ("a", "", "x/y %", 1),
        ("a", "Again.", "x/y %", 1),
    ]
    tables = build_pairs(posts(a=TEXT), annotations(*rows), CRITERIA, alignment=AlignmentSettings(mode="drop"))
    assert tables.pairs["criterion"].tolist() == ["mood", "x/y %"]
    assert tables.pairs["origin"].tolist() == ["explicit_negative", "positive"]
    assert tables.report["pairs"]["set_aside"] == {"evidence_not_aligned": 1}
    assert tables.unused_annotations.tolist() == ["pair_set_aside", "not_aligned", "not_aligned", "not_aligned", ""]


@pytest.mark.parametrize(
    ("policy", "origins", "spans", "sentences"),
    [
        ("any_positive", ["positive", "positive"], [1, 1], [1, 1]),
        ("all_positive", ["explicit_negative", "explicit_negative"], [0, 0], [1, 0]),
        ("drop", [], [], []),
    ],
)
def test_a_pair_of_both_statuses_follows_the_policy(policy, origins, spans, sentences):
    criteria = {"sleep": "Sleeps badly.", "mood": "Low mood."}
    rows = [
        ("a", "Again.", "sleep", 1),  # two sentences of one pair
        ("a", "Every day is grey.", "sleep", 0),
        ("a", "Again.", "mood", 1),  # one sentence twice
        ("a", "Again.", "mood", 0),
    ]
    tables = build_pairs(posts(a=TEXT), annotations(*rows), criteria, Policies(conflicting_status=policy))
    assert tables.pairs["origin"].tolist() == origins
    assert tables.pairs["starts"].map(len).tolist() == spans
    start = TEXT.index("Again.")
    assert tables.sentences.loc[tables.sentences["start"] == start, "status"].tolist() == sentences
    assert tables.report["pairs"]["conflicting"] == 2
    assert (tables.unused_annotations == "pair_set_aside").sum() == (4 if policy == "drop" else 0)


def test_overlapping_and_touching_spans_are_all_kept():
    rows = [("a", "I cannot sleep.  Every", "mood", 1), ("a", "Every day", "mood", 1), ("a", "cannot", "mood", 1), ("a", " is", "mood", 1)]
    row = pair(build_pairs(posts(a=TEXT), annotations(*rows), CRITERIA), "a", "mood")
    cut = [TEXT[s:e] for s, e in zip(row["starts"], row["ends"], strict=True)]
    assert cut == ["I cannot sleep.  Every", "cannot", "Every day", "is", "cannot"]


def test_a_corpus_without_annotated_rows_still_makes_pairs():
    tables = build_pairs(posts(a=TEXT), annotations(), CRITERIA)
    assert tables.pairs["label"].sum() == 0
    assert tables.sentences.empty


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
