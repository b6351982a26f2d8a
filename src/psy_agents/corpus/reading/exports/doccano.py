"""doccano's exports JSONL and JSON (https://doccano.github.io/doccano/), of sequence labelling and of text classification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psy_agents.corpus.reading.exports._base import Export, json_entries, lists_of

TOOL = "doccano"
KEYS = ("entities", "label", "labels", "annotations", "cats")  # The last beside entities, in intent detection and slot filling.


def read(path: Path, name: str) -> Export:
    """Labels as ``[start, end, label]`` or as entities with their offsets, in characters; labels of a whole text as plain names."""
    export = Export(name, TOOL)
    for where, entry in json_entries(path, name, TOOL):
        post = export.add_post(entry.get("post_id", entry.get("id")), entry.get("text", entry.get("data")), where)
        for key in KEYS:
            for label in lists_of(entry, key):
                _add(export, post, label, where)
        for other in ("relations", "Comments"):
            if lists_of(entry, other):
                export.leave_out(other.lower(), len(entry[other]))
    return export.finished()


def _add(export: Export, post: str, label: Any, where: str) -> None:
    if isinstance(label, str):
        export.add_label(post, label, where)
    elif isinstance(label, list) and len(label) == 3:
        export.add_label(post, label[2], where, span=(label[0], label[1]))
    elif isinstance(label, dict) and "start_offset" in label:
        export.add_label(
            post, label.get("label"), where, span=(label["start_offset"], label.get("end_offset")), annotator=label.get("user", "")
        )
    else:
        export.refuse(where, "a label has none of doccano's forms")
