"""Damaged exports of annotation tools: read, prepared, and every place of evidence is in its post."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

TEXT = "😀 I lie awake.\r\nI get up at three."
CRITERIA = {"SLEEP": "Sleeps badly.", "MOOD": "Low mood."}


class MisplacedEvidence(Exception):
    """Evidence that is not in its post."""


def _label_studio() -> list[dict[str, Any]]:
    def region(start: int, end: int, text: str) -> dict[str, Any]:
        return {"id": "r", "type": "labels", "value": {"start": start, "end": end, "text": text, "labels": ["SLEEP"]}}

    choice = {"id": "c", "type": "choices", "value": {"choices": ["MOOD"]}}
    results = [region(3, 15, "I lie awake."), region(17, 35, "I get up at three."), choice, {"type": "relation"}]
    annotation = {"completed_by": {"email": "a@b", "id": 3}, "was_cancelled": False, "result": results}
    return [{"id": number, "data": {"text": TEXT}, "annotations": [annotation], "predictions": []} for number in (1, 2)]


def _doccano() -> list[dict[str, Any]]:
    spans = [[2, 14, "SLEEP"], {"id": 0, "label": "MOOD", "start_offset": 16, "end_offset": 34, "user": 1}]
    return [{"id": number, "text": TEXT, "entities": spans, "relations": [], "cats": ["MOOD"]} for number in (1, 2)]


def _prodigy() -> list[dict[str, Any]]:
    spans = [{"start": 2, "end": 14, "label": "SLEEP", "text": "I lie awake."}]
    return [
        {"text": TEXT, "meta": {"id": "p1"}, "answer": "accept", "spans": spans, "_annotator_id": "a"},
        {"text": "Nothing.", "_input_hash": -4, "label": "MOOD", "answer": "reject"},
        {"text": "More.", "_input_hash": 5, "options": [{"id": "MOOD"}], "accept": ["MOOD"]},
    ]


PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
ENTRIES = {"label_studio": _label_studio, "doccano": _doccano, "prodigy": _prodigy}
STANDOFF = {
    "p.txt": TEXT,
    "p.ann": "T1\tSLEEP 2 14;16 34\tI lie awake. I get up at three.\nA1\tNegated T1\nR1\tX Arg1:T1 Arg2:T1\n",
    "q.txt": "Nothing.",
    "q.ann": "",
}


def exports(root: Path) -> Callable[[Random], None]:
    """An export of a random tool of which an entry or some bytes are altered."""
    from support.fuzzed.byte_damages import BYTE_DAMAGES
    from support.fuzzed.json_damages import damaged_json

    from psy_agents.corpus.config import CorpusSettings
    from psy_agents.corpus.prepare import prepare_corpus
    from psy_agents.corpus.reading.exports import TOOLS, read_export

    folder = root / "exports"

    def damage_bytes(file: Path, random: Random) -> None:
        file.write_bytes(random.choice(list(BYTE_DAMAGES.values()))(file.read_bytes(), random))

    def written(tool: str, random: Random) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if tool != "brat":
            entries, file = ENTRIES[tool](), folder / "export.json"
            if random.random() < 0.7:
                entries = damaged_json(entries, random)
            lines = isinstance(entries, list) and random.random() < 0.5
            file.write_text("\n".join(map(json.dumps, entries)) if lines else json.dumps(entries), encoding="utf-8")
            if random.random() < 0.3:
                damage_bytes(file, random)
            return file
        for name, content in STANDOFF.items():
            (folder / name).write_bytes(content.encode())
        damage_bytes(folder / random.choice(list(STANDOFF)), random)
        if random.random() < 0.5:
            return folder
        packed = root / "exports.zip"
        with zipfile.ZipFile(packed, "w", random.choice(PACKINGS)) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)
        if random.random() < 0.7:
            damage_bytes(packed, random)
        return packed

    def try_one(random: Random) -> None:
        tool = random.choice(TOOLS)
        read = read_export(tool, written(tool, random), "export")
        prepared = prepare_corpus(read.posts, read.annotations, CRITERIA, CorpusSettings(annotation_tool=tool), salt="5a17")
        texts = dict(zip(prepared.posts["post_id"], prepared.posts["text"], strict=True))
        for pair in prepared.pairs.itertuples():
            for start, end in zip(pair.starts, pair.ends, strict=True):
                if not texts[pair.post_id][start:end].strip():
                    raise MisplacedEvidence(f"{start}, {end} in a post of {len(texts[pair.post_id])} characters")

    return try_one
