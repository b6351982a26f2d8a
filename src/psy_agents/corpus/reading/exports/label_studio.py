"""Label Studio's exports JSON and JSON-MIN (https://labelstud.io/guide/export). Offsets are UTF-16 units, as in JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psy_agents.corpus.reading.exports._base import Export, json_entries, lists_of

TOOL = "Label Studio"
SPANS = ("labels", "hypertextlabels")
IDS = ("post_id", "id")


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
            data, results = task, _minimal_results(task)
        post = export.add_post(_post_id(data, task), _text(data), where)
        for annotator, result in results:
            _add(export, post, annotator, result, where)
    return export.finished()


def _add(export: Export, post: str, annotator: str, result: Any, where: str) -> None:
    value = result.get("value") if isinstance(result, dict) else None
    kind = result.get("type") if isinstance(result, dict) else None
    if not isinstance(value, dict) or kind not in (*SPANS, "choices"):
        export.leave_out(f"results of type {kind}" if isinstance(kind, str) and kind.isalpha() else "results of another type")
    elif kind == "choices":
        for label in lists_of(value, "choices"):
            export.add_label(post, label, where, annotator=annotator)
    else:
        offsets = value.get("globalOffsets", value)
        sentence = value["text"].replace("\\n", "\n") if isinstance(value.get("text"), str) else ""  # It writes line breaks so.
        span = offsets.get("start"), offsets.get("end")
        for label in lists_of(value, kind, "labels"):
            export.add_label(post, label, where, span=span, sentence=sentence, annotator=annotator)


def _minimal_results(task: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The results of JSON-MIN: lists of stretches, and choices as a text or an object, under the names of the labelling interface."""
    annotator, results = _annotator(task.get("annotator")), []
    for key, value in task.items():
        if isinstance(value, list) and value and all(isinstance(each, dict) and "labels" in each for each in value):
            results += [(annotator, {"type": "labels", "value": each}) for each in value]
        elif isinstance(value, dict) and isinstance(value.get("choices"), list):
            results.append((annotator, {"type": "choices", "value": value}))
        elif key in ("choice", "sentiment", "category") and isinstance(value, str):
            results.append((annotator, {"type": "choices", "value": {"choices": [value]}}))
    return results


def _post_id(data: dict[str, Any], task: dict[str, Any]) -> Any:
    return next((each[key] for each in (data, task) for key in IDS if each.get(key) is not None), None)


def _text(data: dict[str, Any]) -> Any:
    texts = [value for key, value in data.items() if isinstance(value, str) and key not in IDS]
    return data["text"] if isinstance(data.get("text"), str) else texts[0] if len(texts) == 1 else None


def _annotator(by: Any) -> str:
    if isinstance(by, dict):
        by = next((by[key] for key in ("email", "id") if by.get(key) is not None), "")
    return "" if by is None else str(by)
