"""Damaged corpora come through with counts that add up, or are refused in one sentence that quotes no cell."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fuzzed.byte_damages import BYTE_DAMAGES
from support.fuzzed.corpus import FuzzedCorpus, corpus_with_a_long_cell, fuzzed_corpus
from support.fuzzed.draft import ID_MARK, NUMBER_MARK, TEXT_MARK
from support.fuzzed.table_damages import TABLE_DAMAGES

from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.prepare import PreparedCorpus, prepare_corpus, split_corpus
from psy_agents.corpus.reading.tables import read_json, read_table
from psy_agents.errors import UserError

DAMAGES = [*TABLE_DAMAGES, *BYTE_DAMAGES]


def come_through(corpus: FuzzedCorpus, folder: Path) -> PreparedCorpus | str:
    """The prepared corpus, checked against its files, or the message that refuses it, checked as well."""
    corpus.write(folder)
    settings = corpus.settings
    try:
        posts = read_table(folder / settings.files.posts)
        annotations = read_table(folder / settings.files.annotations)
        criteria = read_json(folder / settings.files.criteria)
        prepared = prepare_corpus(posts, annotations, criteria, settings, salt="5a17")
        splits = split_corpus(prepared.posts, prepared.pairs, settings.splits)
    except UserError as error:
        assert_quotes_nothing(str(error))
        return str(error)
    for written, read in ((corpus.posts, posts), (corpus.annotations, annotations)):
        assert written is None or read.to_numpy().tolist() == written[1:]
    assert_account_adds_up(prepared, posts, annotations, settings)
    assert_positive_rows_are_in_pairs(prepared, annotations, settings)
    assert_spans_are_cut_from_the_text(prepared, posts, annotations)
    assert_splits_hold_every_post_once(prepared, splits)
    for table in (prepared.posts, prepared.pairs, prepared.sentences, splits):
        table.to_parquet(io.BytesIO())
    return prepared


def assert_quotes_nothing(message: str) -> None:
    assert len(message.splitlines()) == 1 and message.isascii(), message
    lower = message.lower()
    assert not any(mark in lower for mark in (TEXT_MARK, ID_MARK, NUMBER_MARK)), message


def assert_account_adds_up(
    prepared: PreparedCorpus, posts: pd.DataFrame, annotations: pd.DataFrame, settings: CorpusSettings
) -> None:
    account = prepared.account
    assert_quotes_nothing(json.dumps(account))
    for table, rows in (("posts", posts), ("annotations", annotations)):
        counted = account[table]
        assert counted["in"] == len(rows) == counted["used"] + sum(counted["set_aside"].values())
    assert account["posts"]["used"] == len(prepared.posts)
    assert account["pairs"]["used"] == len(prepared.pairs)
    assert account["pairs"]["in"] == len(prepared.posts) * len(prepared.criteria)
    assert account["pairs"]["origins"] == {
        name: int((prepared.pairs["origin"] == name).sum()) for name in account["pairs"]["origins"]
    }
    assert account["places"]["used"] == len(prepared.sentences)
    given = Counter(posts["post_id"].str.strip())
    in_posts = annotations["post_id"].str.strip().map(lambda post_id: post_id in given)
    assert account["annotations"]["set_aside"].get("orphan", 0) == int((~in_posts).sum())
    kept = set(prepared.posts["post_id"])
    assert kept <= set(given) and max(given.values()) == 1
    if settings.max_posts is not None:
        assert len(kept) <= settings.max_posts


def assert_positive_rows_are_in_pairs(
    prepared: PreparedCorpus, annotations: pd.DataFrame, settings: CorpusSettings
) -> None:
    label = {(row.post_id, row.criterion): row.label for row in prepared.pairs.itertuples()}
    assert len(label) == len(prepared.pairs)
    kept, statuses = set(prepared.posts["post_id"]), {}
    for row in annotations.itertuples():
        post_id, criterion = row.post_id.strip(), row.DSM5_symptom.strip()
        if post_id in kept and criterion in prepared.criteria:
            statuses.setdefault((post_id, criterion), set()).add(row.status.strip())
    absent = 0
    policy, mode = settings.policies.conflicting_status, settings.alignment.mode
    for pair, found in statuses.items():
        conflicting = found == {"0", "1"}
        if pair not in label:
            absent += 1
            assert "1" in found and (mode == "drop" or (policy == "drop" and conflicting))
        else:
            assert not (policy == "drop" and conflicting)
            assert label[pair] == (found == {"1"} if policy == "all_positive" else "1" in found)
    assert absent == sum(prepared.account["pairs"]["set_aside"].values())
    assert all(pair in statuses for pair, met in label.items() if met)


def assert_spans_are_cut_from_the_text(prepared: PreparedCorpus, posts: pd.DataFrame, annotations: pd.DataFrame) -> None:
    text = dict(zip(posts["post_id"].str.strip(), posts["text"], strict=True))
    assert dict(zip(prepared.posts["post_id"], prepared.posts["text"], strict=True)).items() <= text.items()
    cuts = {}
    for row in prepared.pairs.itertuples():
        spans = list(zip(row.starts, row.ends, strict=True))
        assert spans == sorted(set(spans)) and (row.label or not spans)
        assert all(0 <= start < end <= len(text[row.post_id]) for start, end in spans)
        assert spans or not row.label or not row.evidence_known
        cuts[row.post_id, row.criterion] = {text[row.post_id][start:end] for start, end in spans}
    positive = set(zip(*(prepared.pairs.loc[prepared.pairs["label"] == 1, name] for name in ("post_id", "criterion")), strict=True))
    for row in annotations[annotations["status"].str.strip() == "1"].itertuples():
        pair, sentence = (row.post_id.strip(), row.DSM5_symptom.strip()), row.sentence_text.strip()
        if pair in positive and sentence and sentence in text[pair[0]]:
            assert any(cut in sentence and cut for cut in cuts[pair])


def assert_splits_hold_every_post_once(prepared: PreparedCorpus, splits: pd.DataFrame) -> None:
    assert splits["post_id"].tolist() == prepared.posts["post_id"].tolist()
    assert set(splits["split"]) == {"train", "validation", "test"}
    assert splits.groupby("cluster")["split"].nunique().max() == 1
    same = splits["split"].groupby(prepared.posts["text"].to_numpy())
    assert same.nunique().max() == 1


@pytest.mark.parametrize("seed", range(8))
def test_a_whole_corpus_comes_through_or_names_the_setting_that_refuses_it(tmp_path, seed):
    come_through(fuzzed_corpus(seed, ()), tmp_path)


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_counted_or_refused(tmp_path, damage):
    for seed in range(4):
        come_through(fuzzed_corpus(seed, [damage]), tmp_path)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), damages=st.lists(st.sampled_from(DAMAGES), min_size=1, max_size=4))
def test_damages_together_are_counted_or_refused(tmp_path, seed, damages):
    come_through(fuzzed_corpus(seed, damages), tmp_path)


@pytest.mark.parametrize(
    ("table", "column", "characters"),
    [("annotations", 5, 10_000_000), ("annotations", 3, 10_000_000), ("posts", 0, 10_000_000), ("annotations", 2, 1_000_000)],
)
def test_a_cell_of_megabytes_is_read_or_refused_like_any_other(tmp_path, table, column, characters):
    come_through(corpus_with_a_long_cell(table, column, characters), tmp_path)
