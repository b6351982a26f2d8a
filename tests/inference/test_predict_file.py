"""Predictions of a file: the model's own, whole or not there, the same after a kill at any chunk."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import weakref
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from support.programs.preloaded import start

import psy_agents
from psy_agents.agents.registry import AGENTS
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import SCHEMA
from psy_agents.inference import predict_file as predict
from psy_agents.inference import shards
from psy_agents.inference.posts import Post, read_posts
from psy_agents.inference.predict_file import predict_file
from psy_agents.inference.progress import PostsProgress
from psy_agents.training.allocator import release_freed_memory

WHOLE = ["manifest.json", "predictions.jsonl", "predictions.parquet"]


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def table(folder):
    return pq.read_table(folder / "predictions.parquet")


@pytest.mark.parametrize("agent", AGENTS)
def test_one_chunk_gives_the_loaded_models_predictions_to_the_last_bit_in_both_files(models, config, posts_csv, agent):
    settings = config()
    folder = predict_file(agent, models(agent), settings)
    assert files(folder) == WHOLE
    posts = list(read_posts(settings))
    model = psy_agents.load(models(agent))
    expected = [
        {
            "post_id": post.post_id,
            "criterion": criterion,
            "probability": prediction.probability,
            "predicted": prediction.predicted,
            "spans": prediction.spans and [span._asdict() for span in prediction.spans],
        }
        for post, each in zip(posts, model.predict([post.text for post in posts], quotes=False), strict=True)
        for criterion, prediction in each.items()
    ]
    assert table(folder).schema.equals(SCHEMA)
    assert table(folder).to_pylist() == expected
    assert [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()] == expected
    assert any(row["spans"] for row in expected) == (agent != "criteria")


def test_where_chunks_are_cut_changes_only_the_last_digits(models, config, posts_csv):
    whole, cut = config(), config(chunk_posts=4, chunk_characters=300)
    first = table(predict_file("joint", models("joint"), whole)).to_pandas()
    shutil.rmtree(whole.work)
    second = table(predict_file("joint", models("joint"), cut)).to_pandas()
    np.testing.assert_allclose(first["probability"], second["probability"], atol=1e-6)
    pd.testing.assert_frame_equal(first[["post_id", "criterion", "predicted"]], second[["post_id", "criterion", "predicted"]])
    one, other = (pd.DataFrame(list(np.concatenate(found["spans"]))) for found in (first, second))
    pd.testing.assert_frame_equal(one, other, check_exact=False, atol=1e-4, rtol=0)
    assert list(map(len, first["spans"])) == list(map(len, second["spans"]))


@pytest.mark.parametrize(("moment", "number", "kept"), [("writing", 3, 3), ("merging", 5, 6), ("finishing", 0, 6)])
def test_a_killed_run_resumes_after_its_last_complete_shard(models, config, posts_csv, caplog, monkeypatch, moment, number, kept):
    settings = config(chunk_posts=4)
    expected = table(predict_file("share", models("share"), settings))
    shutil.rmtree(settings.work)
    program = start("support.programs.killed_prediction", str(settings.project), str(models("share")), moment, str(number))
    assert program.wait() == -signal.SIGKILL, program.errors()

    asked = []
    ask = predict.predict_chunk

    def counted(predictor, chunk, **given):
        asked.append(len(chunk))
        return ask(predictor, chunk, **given)

    monkeypatch.setattr(predict, "predict_chunk", counted)
    with caplog.at_level(logging.INFO, logger="psy_agents"):
        folder = predict_file("share", models("share"), settings)
    assert len(asked) == 6 - kept
    if asked:
        assert f"share: resumes after {4 * kept} of 23 posts" in caplog.messages
    assert table(folder).equals(expected)
    assert files(folder) == WHOLE and len((folder / "predictions.jsonl").read_text().splitlines()) == len(expected)


@pytest.mark.parametrize("change", ["model", "file", "settings"])
def test_shards_of_something_else_are_not_resumed(models, config, posts_csv, caplog, monkeypatch, change, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    settings, model = config(chunk_posts=4), models("criteria")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(shards.PredictionShards, "merge", stop)
        predict_file("criteria", model, settings)
    assert len(list((settings.work / "criteria.unfinished" / "shards").iterdir())) == 6
    if change == "model":
        model = tmp_path / "version 2" / "criteria"
        shutil.copytree(models("criteria"), model)
    elif change == "file":
        posts_csv.write_text(posts_csv.read_text().replace("barely", "hardly"))
    else:
        settings = config(chunk_posts=5)
    with caplog.at_level(logging.WARNING, logger="psy_agents"):
        again = table(predict_file("criteria", model, settings))
    assert caplog.messages == [f"criteria: starts over, the unfinished predictions are of another {change}"]
    shutil.rmtree(settings.work)
    assert again.equals(table(predict_file("criteria", model, settings)))


def test_a_damaged_shard_is_written_again(models, config, posts_csv, monkeypatch):
    settings = config(chunk_posts=4)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(shards.PredictionShards, "merge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        predict_file("evidence", models("evidence"), settings)
    shard = settings.work / "evidence.unfinished" / "shards" / "00000002.parquet"
    shard.write_bytes(shard.read_bytes()[:-40])
    again = table(predict_file("evidence", models("evidence"), settings))
    shutil.rmtree(settings.work)
    assert again.equals(table(predict_file("evidence", models("evidence"), settings)))


class Noted(str):
    """A text or an id to which weak references are possible."""


def test_no_chunk_leaves_anything_of_its_posts_behind(models, config, tmp_path, monkeypatch):
    rows = [f"p{i:03},I have no energy left{'.' * (i % 3)} {i:03}" for i in range(200)]
    (tmp_path / "posts.csv").write_text("\n".join(["post_id,text", *rows]) + "\n")
    alive, held, arrow, joining, trimmed = weakref.WeakSet(), [], [], [], []
    read, ask = predict.read_posts, predict.predict_chunk

    def noted(settings):
        for post in read(settings):
            same = Post(Noted(post.post_id), Noted(post.text))
            alive.update((same, same.post_id, same.text))
            yield same

    def counted(predictor, chunk, **given):
        held.append(len(alive) / 3)
        arrow.append(pa.total_allocated_bytes())
        return ask(predictor, chunk, **given)

    monkeypatch.setattr(predict, "read_posts", noted)
    monkeypatch.setattr(predict, "predict_chunk", counted)
    monkeypatch.setattr(predict, "release_freed_memory", lambda: trimmed.append(None) or release_freed_memory())
    monkeypatch.setattr(shards, "release_freed_memory", lambda: joining.append(pa.total_allocated_bytes()) or release_freed_memory())
    monkeypatch.setattr(shards, "ROW_GROUP", 40)
    folder = predict_file("joint", models("joint"), config(chunk_posts=4))
    assert len(table(folder)) == 400 and len(held) == len(trimmed) == 50 and len(joining) == 10
    assert max(held) <= 5  # The chunk, and the post that was read behind it.
    assert max(arrow) == arrow[0] and max(joining) < 2 * joining[0]


def test_the_c_library_releases_free_pages_where_it_can(monkeypatch):
    asked = []
    for library in (SimpleNamespace(malloc_trim=asked.append), SimpleNamespace()):
        monkeypatch.setattr("psy_agents.training.allocator.ctypes.CDLL", lambda name, library=library: library)
        release_freed_memory()
    assert asked == [0]


def test_posts_without_text_are_left_out_on_request(models, config, posts_csv):
    posts_csv.write_text(posts_csv.read_text() + "blank, \nlast,I barely slept.\n")
    folder = predict_file("criteria", models("criteria"), config(blank_texts="set_aside", chunk_posts=10))
    ids = list(dict.fromkeys(table(folder)["post_id"].to_pylist()))
    assert ids == [*(f"p{i}" for i in range(23)), "last"]
    assert json.loads((folder / "manifest.json").read_text())["file"] | {"sha256": ""} == {
        "name": "posts.csv", "sha256": "", "posts": 24, "blank": 1,
    }  # fmt: skip


def test_a_post_of_twenty_thousand_words_has_predictions_like_any_other(models, config, tmp_path):
    sentence = "I barely slept all week. "
    text = "We walked to the market and home. " * 2857 + sentence
    (tmp_path / "posts.csv").write_text(f"post_id,text\nlong,{text}\nshort,Then it rained.\n")
    folder = predict_file("evidence", models("evidence"), config())
    rows = table(folder).to_pandas().set_index(["post_id", "criterion"])
    assert len(text.split()) > 20_000 and len(rows) == 4
    spans = rows.loc[("long", "SLEEP"), "spans"]
    assert len(spans) == 2 and all(span["end"] <= len(text.rstrip()) for span in spans)


def test_another_agents_model_and_a_damaged_one_are_refused_and_nothing_is_written(models, config, posts_csv, tmp_path):
    with pytest.raises(UserError, match=r"holds a model of share, but joint was requested: choose a version of joint's model\.$"):
        predict_file("joint", models("share"), config())
    model = tmp_path / "model"
    for damage in ("encoder/model.safetensors", "tokenizer.json", "agent.json"):
        shutil.copytree(models("share"), model)
        (model / damage).write_bytes((model / damage).read_bytes()[:-1] + b"x")
        with pytest.raises(UserError, match=f"its file {damage} is not what was saved, its SHA-256 differs"):
            predict_file("share", model, config())
        (model / damage).unlink()
        with pytest.raises(UserError, match=f"lacks its file {damage}"):
            predict_file("share", model, config())
        shutil.rmtree(model)
    assert not config().work.exists()


def test_a_bad_file_writes_nothing(models, config, posts_csv):
    posts_csv.write_text("post_id,words\n1,hello\n")
    with pytest.raises(UserError, match="there is no column text"):
        predict_file("share", models("share"), config())
    assert not config().work.exists()


def test_a_file_that_changes_meanwhile_gives_no_result(models, config, posts_csv, monkeypatch):
    ask = predict.predict_chunk

    def meanwhile(predictor, chunk, **given):
        os.utime(posts_csv, ns=(1, 1))
        return ask(predictor, chunk, **given)

    monkeypatch.setattr(predict, "predict_chunk", meanwhile)
    with pytest.raises(UserError, match=r"^posts\.csv changed while it was predicted: run the same command again\.$"):
        predict_file("share", models("share"), config())
    assert not (config().work / "share.unfinished" / "predictions.parquet").exists()


def test_a_full_disk_is_reported_in_one_sentence_and_the_same_command_resumes(models, config, posts_csv, monkeypatch):
    write, settings = shards.pq.write_table, config(chunk_posts=4)
    with monkeypatch.context() as patched, pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
        patched.setattr(shards.pq, "write_table", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        predict_file("share", models("share"), settings)
    assert shards.pq.write_table is write
    assert files(predict_file("share", models("share"), settings)) == WHOLE


def test_two_runs_of_one_agent_do_not_meet(models, config, posts_csv):
    settings = config()
    refused = pytest.raises(UserError, match="Another run is predicting with share in the same folder")
    with shards.exclusive_lock(settings.work, "share"), refused:
        predict_file("share", models("share"), settings)
    predict_file("share", models("share"), settings)


def test_the_progress_is_a_bar_on_a_terminal_and_a_line_now_and_then_elsewhere(caplog, monkeypatch):
    with PostsProgress("share", 100, Console(force_terminal=True, file=open(os.devnull, "w"))) as shown:
        shown.skip(50)
        shown.advance(25)
        assert shown._progress.tasks[0].completed == 75
    clock = iter([0.0, 10.0, 70.0, 75.0, 140.0])
    monkeypatch.setattr("psy_agents.inference.progress.time.monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO, logger="psy_agents"), PostsProgress("share", 100, Console(force_terminal=False)) as shown:
        shown.skip(50)
        for _ in range(4):
            shown.advance(10)
    assert caplog.messages == ["share: 70 of 100 posts, 0:01:45 left", "share: 90 of 100 posts, 0:00:35 left"]
