"""Label Studio's exports JSON and JSON-MIN (https://labelstud.io/guide/export). Offsets are UTF-16 units, as in JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psy_agents.corpus.reading.exports._base import Export, json_entries, lists_of

TOOL = "Label Studio"
SPANS = ("labels", "hypertextlabels")
IDS = ("post_id", "id")
CHOICES = ("choice", "sentiment", "category")
OF_MINIMAL = ("annotator", "created_at", "updated_at")
"""What JSON-MIN writes beside the task's own texts."""


def read(path: Path, name: str) -> Export:
    """Labels of stretches of text and choices for a whole text, of each annotation that was not cancelled.

    A task's text is ``text`` of its data, or its only text; its id ``post_id`` or ``id`` of its data, or the number of the task. A
    task without a finished annotation was not read by anyone and is left out.
    """
    export = Export(name, TOOL)
    for where, task in json_entries(path, name, TOOL):
        data = task.get("data")
        if isinstance(data, dict):
            annotations = [each for each in lists_of(task, "annotations", "completions") if isinstance(each, dict)]
            finished = [each for each in annotations if not each.get("was_cancelled")]
            results = [(_annotator(each.get("completed_by")), result) for each in finished for result in lists_of(each, "result")]
            if not finished:
                export.leave_out("tasks without a finished annotation")
                continue
        else:
            data, results = task, _minimal_results(export, task)
        text = _text(data)
        post = export.add_post(_post_id(data, task), text, where)
        for annotator, result in results:
            _add(export, post, text, annotator, result, where)
    return export.finished()


def _add(export: Export, post: str, text: str, annotator: str, result: Any, where: str) -> None:
    value = result.get("value") if isinstance(result, dict) else None
    kind = result.get("type") if isinstance(result, dict) else None
    if not isinstance(value, dict) or kind not in (*SPANS, "choices"):
        export.leave_out(f"results of type {kind}" if isinstance(kind, str) and kind.isalpha() else "results of another type")
        return
    labels = lists_of(value, kind, "labels")
    if not labels:
        export.leave_out("results without a label")
    span, sentence = None, ""
    if kind in SPANS or "start" in value:  # A choice may be of a stretch, too.
        offsets = value["globalOffsets"] if isinstance(value.get("globalOffsets"), dict) else value
        span, sentence = (offsets.get("start"), offsets.get("end")), _sentence(value, text)
    for label in labels:
        export.add_label(post, label, where, span=span, sentence=sentence, annotator=annotator)


def _sentence(value: dict[str, Any], text: str) -> str:
    """The stretch's text; Label Studio writes its line breaks as a backslash and an n."""
    written = value.get("text") if isinstance(value.get("text"), str) else ""
    return written if written in text else written.replace("\\n", "\n")


def _minimal_results(export: Export, task: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The results of JSON-MIN: lists of stretches, and choices as a text or an object, under the names of the labelling interface.

    A choice as a text is read under Label Studio's own names alone: under another it may be a part of the task's data.
    """
    annotator, results = _annotator(task.get("annotator")), []
    for key, value in task.items():
        if isinstance(value, list) and value and all(isinstance(each, dict) and _kind(each) for each in value):
            results += [(annotator, {"type": _kind(each), "value": each}) for each in value]
        elif isinstance(value, dict) and isinstance(value.get("choices"), list):
            results.append((annotator, {"type": "choices", "value": value}))
        elif key in CHOICES and isinstance(value, str):
            results.append((annotator, {"type": "choices", "value": {"choices": [value]}}))
        elif isinstance(value, str | list | dict) and value and key not in (*IDS, *OF_MINIMAL) and value != _text(task):
            export.leave_out("fields that are no text, id or label of Label Studio's own names")
    return results


def _kind(value: dict[str, Any]) -> str | None:
    return next((kind for kind in (*SPANS, "choices") if kind in value), None)


def _post_id(data: dict[str, Any], task: dict[str, Any]) -> Any:
    return next((each[key] for each in (data, task) for key in IDS if each.get(key) is not None), None)


def _text(data: dict[str, Any]) -> Any:
    texts = [value for key, value in data.items() if isinstance(value, str) and key not in (*IDS, *CHOICES, *OF_MINIMAL)]
    return data["text"] if isinstance(data.get("text"), str) else texts[0] if len(texts) == 1 else None


def _annotator(by: Any) -> str:
    if isinstance(by, dict):
        by = next((by[key] for key in ("email", "id") if by.get(key) is not None), "")
    return "" if by is None else str(by)
