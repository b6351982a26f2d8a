"""Each tool's export in the several forms that its versions and settings write."""

import json
import logging
import zipfile

import pytest

from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.prepare import prepare_corpus
from psy_agents.corpus.reading.exports import read_export
from psy_agents.errors import UserError

TEXT = "😀 Up.\r\nI lie awake."
CRITERIA = {"SLEEP": "Sleeps badly.", "MOOD": "Low mood."}
SLEEP = {("SLEEP", "I lie awake.")}
BOTH = SLEEP | {("MOOD", None)}


def evidence(tool, path):
    """(criterion, text) of each place, and (criterion, None) of each positive pair without one."""
    export = read_export(tool, path, path.name)
    done = prepare_corpus(export.posts, export.annotations, CRITERIA, CorpusSettings(annotation_tool=tool), "salt")
    text = done.posts["text"].iloc[0]
    found = set()
    for pair in done.pairs[done.pairs["label"] == 1].itertuples():
        cuts = [text[start:end] for start, end in zip(pair.starts, pair.ends, strict=True)]
        found |= {(pair.criterion, cut) for cut in cuts or [None]}
    return found


def task(*results, text=TEXT, **data):
    annotations = [{"completed_by": 1, "was_cancelled": False, "result": list(results)}]
    return [{"id": 1, "data": {"text": text, **data}, "annotations": annotations, "drafts": [], "predictions": []}]


def region(start, end, written="I lie awake.", kind="labels", **more):
    return {"id": "r", "type": kind, "value": {"start": start, "end": end, "text": written, kind: ["SLEEP"], **more}}


MINIMAL = {"id": 7, "annotator": "a@b", "annotation_id": 3, "created_at": "2024", "updated_at": "2025", "lead_time": 3.5}
STRETCH = {"start": 8, "end": 20, "text": "I lie awake."}


@pytest.mark.parametrize(
    ("tool", "entries", "found"),
    [
        ("label_studio", task(region(7, 19)), SLEEP),  # Newer versions count characters.
        ("label_studio", task(region(8, 20)), SLEEP),
        ("label_studio", task(region(6, 18)), SLEEP),  # A browser may take CR and LF for one.
        ("label_studio", task(region(7, 19), region(8, 20)), SLEEP),  # Annotated before an update and after it.
        ("label_studio", task(region(3, 20, "Up.\\n\\nI lie awake.")), {("SLEEP", "Up.\r\nI lie awake.")}),
        ("label_studio", task(region(4, 10, "C:\\new"), text="see C:\\new."), {("SLEEP", "C:\\new")}),
        ("label_studio", task(region(8, 20, kind="choices")), SLEEP),  # A choice for a stretch.
        ("label_studio", task(region(0, 1, kind="hypertextlabels", globalOffsets={"start": 8, "end": 20})), SLEEP),
        ("label_studio", task(region(8, 20), region(8, 19, "I lie awake", labels=[])), SLEEP),
        ("label_studio", task(region(8, 20), id=3.0), SLEEP),
        ("label_studio", [{**MINIMAL, "body": TEXT, "label": [{**STRETCH, "labels": ["SLEEP"]}]}], SLEEP),
        ("label_studio", [{**MINIMAL, "body": TEXT, "label": [{**STRETCH, "choices": ["SLEEP"]}], "choice": "MOOD"}], BOTH),
        ("doccano", [{"id": 1, "text": TEXT, "entities": [[7, 19, "SLEEP"]], "cats": ["MOOD"]}], BOTH),
        ("doccano", [{"id": 1, "data": TEXT, "entities": [], "label": [[7, 19, "SLEEP"]], "metadata": {}}], SLEEP),
        ("doccano", [{"id": 1, "text": TEXT, "annotations": [{"label": "SLEEP", "start_offset": 7, "end_offset": 19, "user": 2}]}], SLEEP),
        ("doccano", [{"id": 1, "text": TEXT, "label": [[7, 19, "SLEEP"], [5, 7, "MOOD"]]}], SLEEP),  # A line end is no evidence.
        ("prodigy", [{"text": TEXT, "_input_hash": -4, "spans": [{"start": 7, "end": 19, "label": "SLEEP"}], "relations": [{}]}], SLEEP),
        ("prodigy", [{"text": TEXT, "_input_hash": 4, "label": "MOOD", "spans": [{"start": 0, "end": 1, "pattern": 3}]}], {("MOOD", None)}),
        (
            "prodigy",  # Nested, and by two annotators.
            [
                {"text": TEXT, "_input_hash": 4, "_annotator_id": "a", "spans": [{"start": 7, "end": 19, "label": "SLEEP"}]},
                {"text": TEXT, "_input_hash": 4, "_annotator_id": "b", "spans": [{"start": 9, "end": 12, "label": "SLEEP"}]},
            ],
            SLEEP | {("SLEEP", "lie")},
        ),
    ],
)
def test_every_form_of_an_export_gives_the_evidence(tmp_path, tool, entries, found):
    (tmp_path / "array.json").write_text(json.dumps(entries))
    (tmp_path / "lines.jsonl").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(map(json.dumps, entries)).encode())
    assert evidence(tool, tmp_path / "array.json") == evidence(tool, tmp_path / "lines.jsonl") == found


@pytest.mark.parametrize(
    ("text", "annotations", "found"),
    [
        (TEXT, "T1\tSLEEP 7 19\tI lie awake.\r\n", SLEEP),
        (TEXT, "T1\tSLEEP 8 20\tI lie awake.\n", SLEEP),  # UTF-16 units, of a program other than brat.
        (TEXT, "T1\tSLEEP 6 18\tI lie awake.\n", SLEEP),
        (TEXT, "T1\tSLEEP 2 5;7 12\tUp. I lie\nT2\tMOOD 13 18;13 19\tawake awake.\n", {
            ("SLEEP", "Up."), ("SLEEP", "I lie"), ("MOOD", "awake"), ("MOOD", "awake."),
        }),
        ("a\u2028b\x85c", "T1\tSLEEP 0 5\ta\u2028b\x85c\nE1\tSLEEP:T1\n*\tEquiv T1 T1\n", {("SLEEP", "a\u2028b\x85c")}),
    ],
)  # fmt: skip
def test_every_form_of_standoff_gives_the_evidence_packed_by_macos_or_not(tmp_path, text, annotations, found):
    (tmp_path / "b").mkdir()
    for name, content in {"p.txt": text.encode(), "p.ann": annotations.encode(), "._p.txt": b"\xff\0", "._p.ann": b"\xff\0"}.items():
        (tmp_path / "b" / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for file in (tmp_path / "b").iterdir():
            archive.write(file, f"__MACOSX/b/{file.name}" if file.name.startswith(".") else f"b/{file.name}")
    assert evidence("brat", tmp_path / "b") == evidence("brat", tmp_path / "b.zip") == found


def test_what_may_hold_labels_and_is_not_read_is_counted(tmp_path, caplog):
    rows = [{**MINIMAL, "text": TEXT, "mood": "MOOD", "tags": [["a"]], "label": [{**STRETCH, "labels": ["SLEEP"]}]}]
    (tmp_path / "min.json").write_text(json.dumps(rows))
    with caplog.at_level(logging.WARNING, "psy_agents"):
        read_export("label_studio", tmp_path / "min.json", "min.json")
    assert "2 fields that are no text, id or label of Label Studio's own names" in caplog.text


@pytest.mark.parametrize(
    ("tool", "content", "problem"),
    [
        ("label_studio", "[" + "9" * 5000 + "]", "a number has more than 4300 digits"),
        ("doccano", '{"id": 1, "text": "canary \\ud83d", "label": []}', "half a surrogate pair or a NUL"),
        ("doccano", '{"id": 1, "text": "canary", "label": ["\\u0000"]}', "half a surrogate pair or a NUL"),
        ("doccano", '{"id": 1, "text": "canary", "label": [[2, 9, "SLEEP"]]}', "an offset is beyond the text"),
        ("doccano", '{"id": 1, "text": "canary", "label": [[3, 3, "SLEEP"]]}', "an end not behind its start"),
        ("doccano", '{"id": 1, "text": "canary", "label": [[-1, 3, "SLEEP"]]}', "an offset is beyond the text"),
        ("doccano", '{"id": 1, "text": "canary", "label": [[false, 3, "SLEEP"]]}', "an offset is no whole number"),
        ("doccano", '{"id": 1.5, "text": "canary", "label": []}', "no text with an id"),
        ("prodigy", '{"text": "canary", "id": 1, "spans": [{"start": 0, "end": 2}]}', r"of 1 posts (not read: 1 spans without a label)"),
        ("label_studio", json.dumps(task(region(0, 2, globalOffsets=3), text="canary")), None),
    ],
)
def test_what_cannot_be_a_label_or_a_post_is_refused(tmp_path, tool, content, problem):
    (tmp_path / "export").write_text(content)
    if problem is None:
        assert len(read_export(tool, tmp_path / "export", "export").annotations) == 1
        return
    with pytest.raises(UserError) as error:
        read_export(tool, tmp_path / "export", "export")
    assert problem in str(error.value) and "canary" not in str(error.value)


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_refused_however_it_is_packed(tmp_path, packing):
    with zipfile.ZipFile(tmp_path / "b.zip", "w", packing) as archive:
        archive.writestr("p.txt", "canary " * 300)
        archive.writestr("p.ann", "T1\tSLEEP 0 6\tcanary")
    content = bytearray((tmp_path / "b.zip").read_bytes())
    content[50:70] = bytes(byte ^ 0x5A for byte in content[50:70])
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"^b\.zip: the file ") as error:
        read_export("brat", tmp_path / "b.zip", "b.zip")
    assert "canary" not in str(error.value)
