"""An export of each annotation tool becomes the posts and annotations of a corpus, to the character."""

import json
import logging
import zipfile

import pytest

from psy_agents.corpus.config import Columns, CorpusSettings
from psy_agents.corpus.prepare import prepare_corpus
from psy_agents.corpus.reading.exports import TOOLS, read_export
from psy_agents.datasets.raw_table import RawTableDataset
from psy_agents.errors import UserError

TEXT = "😀 I lie awake.\nI get up at three."
OTHER = "Nothing to tell."
CRITERIA = {"SLEEP": "Sleeps badly.", "MOOD": "Low mood."}


def label_studio(folder):
    def task(number, text, *results, cancelled=False):
        annotation = {"completed_by": {"email": "a@b", "id": 3}, "was_cancelled": cancelled, "result": list(results)}
        return {"id": number, "data": {"text": text, "post_id": f"p{number}"}, "annotations": [annotation], "predictions": []}

    def region(start, end, text):
        value = {"start": start, "end": end, "text": text, "labels": ["SLEEP"]}
        return {"id": "x", "from_name": "label", "to_name": "text", "type": "labels", "value": value}

    mood = {"id": "y", "from_name": "all", "to_name": "text", "type": "choices", "value": {"choices": ["MOOD"]}}
    first = task(1, TEXT, region(3, 15, "I lie awake."), region(16, 34, "I get up at three."), mood, {"type": "relation"})
    tasks = [first, task(2, OTHER), task(3, "Unread.", region(0, 6, "Unread"), cancelled=True)]
    (folder / "export.json").write_text(json.dumps(tasks))
    return folder / "export.json"


def doccano(folder):
    lines = [
        {"id": "p1", "text": TEXT, "label": [[2, 14, "SLEEP"], [15, 33, "SLEEP"], "MOOD"], "Comments": ["x"]},
        {"id": "p2", "text": OTHER, "entities": [], "relations": []},
    ]
    (folder / "all.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder / "all.jsonl"


def prodigy(folder):
    lines = [
        {"text": TEXT, "meta": {"id": "p1"}, "answer": "accept", "spans": [{"start": 2, "end": 14, "label": "SLEEP", "token_start": 0}]},
        {"text": TEXT, "meta": {"id": "p1"}, "answer": "accept", "spans": [{"start": 15, "end": 33, "label": "SLEEP"}], "tokens": []},
        {"text": TEXT, "meta": {"id": "p1"}, "answer": "accept", "options": [{"id": "MOOD"}], "accept": ["MOOD"]},
        {"text": OTHER, "meta": {"id": "p2"}, "answer": "accept", "spans": []},
        {"text": "Ignored.", "meta": {"id": "p3"}, "answer": "ignore", "spans": []},
        {"text": "Rejected.", "meta": {"id": "p4"}, "answer": "reject", "spans": [{"start": 0, "end": 3, "label": "SLEEP"}]},
    ]
    (folder / "db.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder / "db.jsonl"


def brat(folder):
    (folder / "b").mkdir()
    (folder / "b" / "p1.txt").write_bytes(TEXT.encode())
    ann = "T1\tSLEEP 2 14;15 33\tI lie awake. I get up at three.\nA1\tNegated T1\n#1\tAnnotatorNotes T1\tx\n"
    (folder / "b" / "p1.ann").write_bytes(ann.encode())
    (folder / "b" / "p2.txt").write_text(OTHER)
    (folder / "b" / "p2.ann").write_text("")
    (folder / "b" / "p3.txt").write_text("Not annotated.")
    return folder / "b"


EXPORTS = {"brat": brat, "doccano": doccano, "label_studio": label_studio, "prodigy": prodigy}


def test_every_reader_has_its_export_here():
    assert set(TOOLS) == set(EXPORTS)


@pytest.mark.parametrize("tool", TOOLS)
def test_an_export_becomes_a_corpus_with_its_own_places(tmp_path, tool, caplog):
    path = EXPORTS[tool](tmp_path)
    with caplog.at_level(logging.WARNING, "psy_agents"):
        tables = [RawTableDataset(filepath=str(path), tool=tool, table=table).load() for table in ("posts", "annotations")]
    settings = CorpusSettings(annotation_tool=tool)
    done = prepare_corpus(*tables, CRITERIA, settings, "salt")
    assert done.posts["post_id"].tolist() == ["p1", "p2"] and done.posts["text"].tolist() == [TEXT, OTHER]
    sleep = done.pairs.set_index(["post_id", "criterion"]).loc[("p1", "SLEEP")]
    cuts = [TEXT[start:end] for start, end in zip(sleep["starts"], sleep["ends"], strict=True)]
    assert cuts == ["I lie awake.", "I get up at three."] and sleep["evidence_known"]
    assert done.account["alignment"]["rows"]["given"] == 2
    mood = done.pairs.set_index(["post_id", "criterion"]).loc[("p1", "MOOD")]
    assert (mood["label"], bool(mood["evidence_known"])) == ((0, True) if tool == "brat" else (1, False))
    assert (done.pairs["post_id"] == "p2").sum() == 2 and not done.pairs.loc[done.pairs["post_id"] == "p2", "label"].any()
    assert "not read from this export" in caplog.text and "awake" not in caplog.text
    assert len(done.ratings) == (2 if tool == "label_studio" else 0)


def test_a_rejected_label_of_prodigy_is_a_negative_row(tmp_path):
    lines = [{"text": "a b", "label": "SLEEP", "answer": answer, "_input_hash": n} for n, answer in enumerate(("accept", "reject"))]
    lines[1]["text"] = "c d"
    (tmp_path / "db.jsonl").write_text("\n".join(map(json.dumps, lines)))
    rows = read_export("prodigy", tmp_path / "db.jsonl", "db.jsonl").annotations
    assert rows["status"].tolist() == ["1", "0"] and rows["start"].tolist() == ["", ""]


def test_label_studios_small_export_and_a_task_without_ids_are_read(tmp_path):
    tasks = [{"id": 7, "text": "I wake.", "label": [{"start": 0, "end": 6, "text": "I wake", "labels": ["SLEEP"]}], "annotator": 1}]
    (tmp_path / "min.json").write_text(json.dumps(tasks))
    export = read_export("label_studio", tmp_path / "min.json", "min.json")
    assert export.posts.to_dict("records") == [{"post_id": "7", "text": "I wake."}]
    assert export.annotations.iloc[0].tolist() == ["7", "I wake", "SLEEP", "1", "0", "6", "1"]


def test_a_folder_of_brat_may_be_zipped(tmp_path):
    folder = brat(tmp_path)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    zipped, plain = (read_export("brat", path, "b") for path in (tmp_path / "b.zip", folder))
    assert zipped.posts.equals(plain.posts) and zipped.annotations.equals(plain.annotations)


@pytest.mark.parametrize(
    ("tool", "content", "problem"),
    [
        ("label_studio", "{", "line 1: this is not JSON"),
        ("label_studio", "[1]", "entry 1: this is no JSON object"),
        ("label_studio", '[{"id": 1, "data": {"a": "canary", "b": "canary"}, "annotations": [{"result": []}]}]', "no text with an id"),
        ("label_studio", '[{"id": 1, "data": {"text": "canary"}, "annotations": []}]', "no annotated post in this export of Label Studio"),
        ("doccano", '{"id": 1, "text": "canary", "label": [[0, 1]]}', "line 1: a label has none of doccano's forms"),
        ("doccano", '{"id": 1, "text": "canary", "label": [["0", 1, "SLEEP"]]}', "an offset is no whole number"),
        ("doccano", '{"id": 1, "text": "canary"}\n{"id": 1, "text": "other canary"}', "line 2: an earlier post of the same id"),
        ("prodigy", '{"text": "canary", "spans": ["canary"], "id": 1}', "line 1: a span is no object"),
        ("prodigy", '{"text": "canary"}', "no text with an id"),
        ("brat", "canary", "no zip archive"),
    ],
)
def test_what_is_no_export_is_refused_without_a_word_of_it(tmp_path, tool, content, problem):
    (tmp_path / "export").write_text(content)
    with pytest.raises(UserError) as error:
        read_export(tool, tmp_path / "export", "export")
    assert str(error.value).startswith("export") and problem in str(error.value) and "canary" not in str(error.value)


def test_offsets_of_brat_that_do_not_hold_their_text_are_refused(tmp_path):
    (brat(tmp_path) / "p1.ann").write_text("T1\tSLEEP 0 5\tcanary")
    with pytest.raises(UserError, match="^b, text 1 in alphabetical order: an annotation's text is not what its offsets cut"):
        read_export("brat", tmp_path / "b", "b")


def test_a_missing_export_is_left_to_the_caller(tmp_path):
    for tool in TOOLS:
        with pytest.raises(FileNotFoundError):
            read_export(tool, tmp_path / "nowhere", "nowhere")


def test_a_tool_that_is_not_there_and_columns_beside_a_tool_are_refused():
    with pytest.raises(ValueError, match="but there are brat, doccano, label_studio, prodigy"):
        CorpusSettings(annotation_tool="labelstudio")
    with pytest.raises(ValueError, match="exclude each other"):
        CorpusSettings(annotation_tool="brat", columns=Columns.model_validate({"posts": {"text": "body"}}))
