"""What every reader of an export gives: two tables of text cells, as raw files have them."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from psy_agents.corpus.alignment.normalisation import is_blank
from psy_agents.corpus.reading.tables import UNSAVEABLE
from psy_agents.corpus.reading.text_lines import file_errors, text_lines
from psy_agents.errors import UserError

log = logging.getLogger(__name__)

POST_COLUMNS = ("post_id", "text")
ANNOTATION_COLUMNS = ("post_id", "sentence_text", "criterion", "status", "start", "end", "annotator")


class Export:
    """Posts and annotations, collected entry by entry.

    Args:
        name: what messages call the file.
        tool: the tool's own name.
    """

    def __init__(self, name: str, tool: str) -> None:
        self._name, self._tool = name, tool
        self._texts: dict[str, str] = {}
        self._rows: list[tuple[str, ...]] = []
        self._left_out: Counter[str] = Counter()

    @property
    def posts(self) -> pd.DataFrame:
        """POST_COLUMNS, one row a post."""
        return pd.DataFrame(list(self._texts.items()), columns=list(POST_COLUMNS), dtype=str)

    @property
    def annotations(self) -> pd.DataFrame:
        """ANNOTATION_COLUMNS, one row for each label; offsets and sentence are blank where a label is of the whole post."""
        return pd.DataFrame(self._rows, columns=list(ANNOTATION_COLUMNS), dtype=str)

    def add_post(self, post_id: Any, text: Any, where: str) -> str:
        """Take in a post, also one that is there already; returns its id as text."""
        if isinstance(post_id, float) and post_id.is_integer():  # As pandas writes whole numbers beside a missing one.
            post_id = int(post_id)
        if not isinstance(text, str) or not isinstance(post_id, str | int) or isinstance(post_id, bool):
            self.refuse(where, "there is no text with an id")
        self._check_saveable(where, text, str(post_id))
        if self._texts.setdefault(str(post_id), text) != text:
            self.refuse(where, "an earlier post of the same id has another text")
        return str(post_id)

    def add_label(
        self,
        post_id: str,
        label: Any,
        where: str,
        *,
        span: tuple[Any, Any] | None = None,
        sentence: str = "",
        annotator: Any = "",
        status: int = 1,
    ) -> None:
        """Take in a label of a stretch of the post, or of all of it.

        Args:
            span: start and end, exclusive. One of white space alone is left out.
        """
        if not isinstance(label, str | int) or isinstance(label, bool):
            self.refuse(where, "a label is no text")
        self._check_saveable(where, sentence, str(label), str(annotator))
        start, end = span or ("", "")
        if span:
            if not all(isinstance(offset, int) and not isinstance(offset, bool) for offset in span):
                self.refuse(where, "an offset is no whole number")
            text = self._texts[post_id]
            if not 0 <= start < end <= len(text) * (2 if sentence else 1):  # UTF-16 units are at most twice as many.
                self.refuse(where, "an offset is beyond the text, or an end not behind its start")
            if is_blank(sentence or text[start:end]):
                self.leave_out("labels of white space")
                return
        self._rows.append((post_id, sentence, str(label), str(status), str(start), str(end), str(annotator)))

    def leave_out(self, what: str, count: int = 1) -> None:
        """Count what the export holds and nothing reads."""
        self._left_out[what] += count

    def finished(self) -> Export:
        """The export, once it has posts; logs what was left out."""
        if not self._texts:
            raise UserError(f"{self._name}: there is no annotated post in this export of {self._tool}: export the finished tasks.")
        counts = ", ".join(f"{count} {what}" for what, count in sorted(self._left_out.items()))
        if not self._rows:
            unread = f" (not read: {counts})" if counts else ""
            raise UserError(
                f"{self._name}: there is no label in this export of {self._tool} of {len(self._texts)} posts{unread}: "
                f"export the annotations."
            )
        if counts:
            log.warning("%s: not read from this export of %s: %s", self._name, self._tool, counts)
        return self

    def _check_saveable(self, where: str, *texts: str) -> None:
        if any(map(UNSAVEABLE.search, texts)):
            self.refuse(where, "a text holds half a surrogate pair or a NUL")

    def refuse(self, where: str, problem: str) -> NoReturn:
        """Raises `UserError`."""
        raise UserError(f"{self._name}, {where}: {problem}: is this an export of {self._tool} as docs/how_to/own_corpus.md describes it?")


def json_entries(path: Path, name: str, tool: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of a JSON array or of a file of JSON lines, with where it is."""
    with file_errors(path, name):
        lines = list(text_lines(path, name))
    whole = next((line for line in lines if line.strip()), "").lstrip().startswith("[")
    parts = [(1, "".join(lines))] if whole else [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for number, text in parts:
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(f"{name}, line {number + error.lineno - 1}: this is not JSON: export the file again.") from None
        except ValueError:  # Python reads no whole number of more digits.
            digits = sys.get_int_max_str_digits()
            raise UserError(f"{name}, line {number}: a number has more than {digits} digits: export the file again.") from None
        except RecursionError:
            raise UserError(f"{name}, line {number}: the JSON is nested too deeply: export the file again.") from None
        entries = enumerate(value, 1) if whole else [(number, value)]
        for at, entry in entries:
            where = f"{'entry' if whole else 'line'} {at}"
            if not isinstance(entry, dict):
                raise UserError(f"{name}, {where}: this is no JSON object: is this an export of {tool}?")
            yield where, entry


def lists_of(entry: dict[str, Any], *keys: str) -> list[Any]:
    """The first of the keys that holds a list; [] where none does."""
    return next((entry[key] for key in keys if isinstance(entry.get(key), list)), [])
