"""Places that the corpus itself gives, as an annotation tool exports them; they are verified, and all others are searched."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from psy_agents.corpus.alignment.align import Alignment, align
from psy_agents.corpus.alignment.normalisation import FIRST_SEEN, LAST_SEEN, normalise, trim
from psy_agents.errors import UserError

log = logging.getLogger(__name__)

UNITS = {
    "characters": (False, False),
    "UTF-16 units": (True, False),
    "characters, with CR and LF as one": (False, True),
    "UTF-16 units, with CR and LF as one": (True, True),
}
"""Whether a character beyond the first 65,536 counts as two, and whether a Windows line end counts as one."""


def align_given(
    texts: Sequence[str],
    post: np.ndarray,
    sentences: Sequence[str],
    start: np.ndarray,
    end: np.ndarray,
    fuzzy_threshold: float | None,
    rows: Sequence[int] | None = None,
) -> Alignment:
    """Take the given places, and `align` the sentences without one.

    Offsets count the first of UNITS that makes each place hold its sentence, up to its form. Where none does, as after a tool's update,
    each row has the unit that makes its place hold its sentence, if all that do so give one place.

    A place loses white space at its ends. A row with a place and without a sentence is taken at its word.

    Args:
        start, end: (sentences) offsets in the post, the end exclusive; -1 where there is no place.
        rows: number of each sentence's row in its file, from 0, for messages.

    Raises:
        UserError: some places do not hold their sentences in any unit.
    """
    given = np.flatnonzero(start >= 0)
    by_unit = []
    for unit in UNITS:
        by_unit.append([
            _place(texts[post[number]], sentences[number], int(start[number]), int(end[number]), unit) for number in given.tolist()
        ])  # fmt: skip
        if None not in by_unit[-1]:
            places = by_unit[-1]
            break
    else:
        unit, places = "different units", [_only_one(found) for found in zip(*by_unit, strict=True)]
    wrong = [number for number, place in zip(given.tolist(), places, strict=True) if place is None]
    if wrong:
        first = wrong[0] if rows is None else rows[wrong[0]]
        raise UserError(
            f"Annotations: start and end do not hold the sentence in {len(wrong)} of {len(given)} rows that have them, first in row "
            f"{first + 1} below the header, neither as characters nor as UTF-16 units: correct them, or leave them blank, and the "
            f"sentences are searched."
        )
    if unit != "characters":
        log.info("annotations: start and end count %s", unit)
    searched = np.flatnonzero(start < 0)
    found = align(texts, post[searched], [sentences[number] for number in searched.tolist()], fuzzy_threshold)
    stage, score = np.full(len(sentences), "given", dtype=object), np.ones(len(sentences))
    stage[searched], score[searched] = found.stage, found.score
    every = [(number, *place) for number, place in zip(given.tolist(), places, strict=True)]
    every += zip(searched[found.sentence].tolist(), found.start.tolist(), found.end.tolist(), strict=True)
    columns = np.array(sorted(every), dtype=np.int64).reshape(-1, 3).T
    return Alignment(stage, score, *columns)


def _place(text: str, sentence: str, start: int, end: int, unit: str) -> tuple[int, int] | None:
    """The place in characters, without white space at its ends; None where it does not hold the sentence."""
    bounds = in_characters(text, start, end, unit)
    if bounds is None:
        return None
    start, end = bounds
    cut = text[start:end]
    first = FIRST_SEEN.search(cut)
    if first is None:
        return None
    wanted, held = trim(sentence), trim(cut)
    if wanted and wanted != held and normalise(wanted).text != normalise(held).text:
        return None
    return start + first.start(), start + LAST_SEEN.search(cut).end()


def _only_one(places: Sequence[tuple[int, int] | None]) -> tuple[int, int] | None:
    """The place that all units give which give one; None where they differ."""
    different = {place for place in places if place is not None}
    return different.pop() if len(different) == 1 else None


def in_characters(text: str, start: int, end: int, unit: str) -> tuple[int, int] | None:
    """Offsets in characters of offsets in one of UNITS; None within a character or beyond the text."""
    before = _units_before(text, *UNITS[unit])
    bounds = np.searchsorted(before, [start, end])
    if end > before[-1] or (before[bounds] != [start, end]).any():
        return None
    return int(bounds[0]), int(bounds[1])


@lru_cache(maxsize=8)
def _units_before(text: str, two_beyond: bool, one_line_end: bool) -> np.ndarray:
    """The units before each character, and those of the text."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    widths = np.ones(len(codes), dtype=np.int64)
    if two_beyond:
        widths += codes > 0xFFFF
    if one_line_end:
        widths[:-1] -= (codes[:-1] == ord("\r")) & (codes[1:] == ord("\n"))
    return np.concatenate([[0], np.cumsum(widths)])
