"""Prodigy's JSONL, as ``prodigy db-out`` writes it (https://prodi.gy/docs/api-interfaces), of ``ner``, ``spans`` and ``textcat``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psy_agents.corpus.reading.exports._base import Export, json_entries, lists_of

TOOL = "Prodigy"
IDS = ("post_id", "id")


def read(path: Path, name: str) -> Export:
    """Spans and accepted options of accepted examples, and single labels with their answer; offsets are in characters.

    A rejected label is a row of status 0. Rejected spans and ignored examples say nothing and are left out. Lines of one id, or
    of one text where there are no ids, are one post.
    """
    export = Export(name, TOOL)
    for where, example in json_entries(path, name, TOOL):
        answer, label = example.get("answer", "accept"), example.get("label")
        binary = isinstance(label, str)
        if answer not in ("accept", "reject"):
            export.leave_out("ignored examples")
            continue
        if answer == "reject" and not binary:
            export.leave_out("rejected examples")
            continue
        post = export.add_post(_post_id(example), example.get("text"), where)
        annotator = example.get("_annotator_id") or example.get("_session_id") or ""
        spans = lists_of(example, "spans")
        if binary:
            export.add_label(post, label, where, annotator=annotator, status=int(answer == "accept"))
        for option in lists_of(example, "accept"):
            export.add_label(post, option, where, annotator=annotator)
        for span in spans if answer == "accept" else []:
            if not isinstance(span, dict):
                export.refuse(where, "a span is no object")
            if span.get("label") is None:
                export.leave_out("spans without a label")  # Of a pattern that found the example.
                continue
            sentence = span.get("text") if isinstance(span.get("text"), str) else ""
            export.add_label(
                post, span.get("label"), where, span=(span.get("start"), span.get("end")), sentence=sentence, annotator=annotator
            )
        if lists_of(example, "relations"):
            export.leave_out("relations", len(example["relations"]))
    return export.finished()


def _post_id(example: dict[str, Any]) -> Any:
    meta = example.get("meta") if isinstance(example.get("meta"), dict) else {}
    found = next((each[key] for each in (example, meta) for key in IDS if each.get(key) is not None), None)
    return example.get("_input_hash") if found is None else found
