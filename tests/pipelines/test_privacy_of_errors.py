"""An error, a refusal or a damaged corpus shows no text and no id of a post, and leaves no half-written data."""

from __future__ import annotations

import traceback

import pandas as pd
import pytest
from kedro.runner import SequentialRunner
from support.fuzzed.corpus import plain_corpus
from support.fuzzed.draft import ID_MARK, TEXT_MARK
from support.planted_corpus import CANARIES, POST, SENTENCE, places_of, plant, saved

from psy_agents.errors import ProgramError, UserError


class Quoting:
    """Ways in which a node or a dataset fails and quotes a post; each stands in for ``prepare_corpus``."""

    @staticmethod
    def error(posts, *_):
        raise ValueError(posts["text"].iloc[0])

    @staticmethod
    def chain(posts, *_):
        try:
            raise KeyError(posts["text"].iloc[0])
        except KeyError as error:
            raise RuntimeError(posts.to_csv()) from error

    @staticmethod
    def disk(posts, *_):
        raise OSError(28, posts["text"].iloc[0], posts["post_id"].iloc[0])

    @staticmethod
    def pandas(posts, *_):
        return posts["text"].astype(int)


@pytest.mark.parametrize(
    ("quoting", "shown"),
    [
        (Quoting.error, "ValueError at "),
        (Quoting.chain, "RuntimeError from KeyError at "),
        (Quoting.disk, "OSError (No space left on device) at "),
        (Quoting.pandas, "ValueError at "),
    ],
)
def test_an_unexpected_error_shows_its_type_and_place_only(session, project, monkeypatch, caplog, capfd, quoting, shown):
    plant(project / "data" / "01_raw" / "synthetic")
    monkeypatch.setattr("psy_agents.corpus.prepare.prepare_corpus", quoting)
    with pytest.raises(ProgramError) as caught:
        session().run(runner=SequentialRunner())  # as the command line does: kedro-viz records no other run
    assert str(caught.value).startswith(shown) and "preprocessing/nodes.py:" in str(caught.value)
    captured = capfd.readouterr()
    shown = "".join([*traceback.format_exception(caught.value), captured.out, captured.err])
    assert not any(word in shown for word in CANARIES)
    assert places_of(CANARIES, project) == [] and saved(project) == {}


def test_a_file_that_cannot_be_written_is_named_without_the_cell_at_fault(session, project, monkeypatch):
    from psy_agents.corpus import prepare

    plant(project / "data" / "01_raw" / "synthetic")
    split = prepare.split_corpus

    def mixed(posts, pairs, settings):
        splits = split(posts, pairs, settings)
        return splits.assign(split=pd.Series([1, *posts["text"][1:]], dtype=object))

    monkeypatch.setattr(prepare, "split_corpus", mixed)
    with pytest.raises(UserError, match=r"splits\.parquet cannot be written \(Arrow\w+\)") as caught:
        session().run()
    assert not any(word in "".join(traceback.format_exception(caught.value)) for word in CANARIES)
    assert places_of(CANARIES, project) == []


def test_an_unexpected_error_is_shown_whole_on_request(session, project, monkeypatch):
    plant(project / "data" / "01_raw" / "synthetic")
    monkeypatch.setattr("psy_agents.corpus.prepare.prepare_corpus", Quoting.error)
    monkeypatch.setenv("PSY_AGENTS_SHOW_ERRORS", "1")
    with pytest.raises(ValueError, match=POST):
        session().run(runner=SequentialRunner())
    assert places_of(CANARIES, project) == []


def test_an_error_before_any_node_runs_keeps_its_words(session, monkeypatch):
    def refuse(*_, **__):
        raise ValueError("a plugin wants a newer version")

    monkeypatch.setattr("kedro.framework.context.KedroContext._get_catalog", refuse)
    with pytest.raises(ValueError, match="newer version"):
        session().run()


def test_the_strict_alignment_names_posts_by_hashes_of_this_project(session, project):
    from psy_agents.corpus.fingerprint import hashed_id

    folder = project / "data" / "01_raw" / "synthetic"
    plant(folder)
    rows = pd.read_csv(folder / "annotations.csv", dtype=str)
    rows.loc[0, "sentence_text"] = f"{SENTENCE} that stands nowhere"
    rows.to_csv(folder / "annotations.csv", index=False)
    with pytest.raises(UserError) as caught:
        session(preprocessing={"alignment": {"mode": "strict"}}).run()
    salt = (project / "conf" / "local" / "id_salt").read_text()
    assert hashed_id(rows.loc[0, "post_id"], salt) in str(caught.value)
    assert hashed_id(rows.loc[0, "post_id"], "") not in str(caught.value)
    assert not any(word in str(caught.value) for word in (*CANARIES, salt))


def test_a_damaged_corpus_ends_the_command_in_one_line_and_writes_nothing(kedro, project):
    plain_corpus("unbalanced_quote").write(project / "data" / "01_raw" / "synthetic")
    ended = kedro("run")
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: data/01_raw/synthetic/posts.csv, line ")
    assert line.isascii() and not any(mark in line.lower() for mark in (TEXT_MARK, ID_MARK))
    assert saved(project) == {}


def test_what_stood_there_stays_whole_when_a_corpus_is_damaged_later(session, project):
    folder = project / "data" / "01_raw" / "synthetic"
    session().run()
    before = saved(project)
    assert len(before) == 8
    for damage in ("truncate", "wrong_status", "no_criteria"):
        plain_corpus(damage).write(folder)
        with pytest.raises(UserError):
            session().run()
        assert saved(project) == before, damage
