"""Places that the corpus itself gives, as an annotation tool exports them; they are verified, and all others are searched."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from psy_agents.corpus.alignment.align import Alignment, align
from psy_agents.corpus.alignment.normalisation import FIRST_SEEN, LAST_SEEN, normalise, trim
from psy_agents.errors import UserError

log = logging.getLogger(__name__)

UNITS = ("characters", "UTF-16 units")


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

    Offsets count characters, or UTF-16 units as JavaScript does where only that makes each place hold its sentence, up to its form.
    A place loses white space at its ends. A row with a place and without a sentence is taken at its word.

    Args:
        start, end: (sentences) offsets in the post, the end exclusive; -1 where there is no place.
        rows: number of each sentence's row in its file, from 0, for messages.

    Raises:
        UserError: some places do not hold their sentences in either unit.
    """
    given = np.flatnonzero(start >= 0)
    places, wrong = {}, {}
    for unit in UNITS:
        found = [
            _place(texts[post[number]], sentences[number], int(start[number]), int(end[number]), unit) for number in given.tolist()
        ]
        places[unit], wrong[unit] = found, [number for number, place in zip(given.tolist(), found, strict=True) if place is None]
        if not wrong[unit]:
            break
    else:
        worst = min(wrong.values(), key=len)
        first = worst[0] if rows is None else rows[worst[0]]
        raise UserError(
            f"Annotations: start and end do not hold the sentence in {len(worst)} of {len(given)} rows that have them, first in row "
            f"{first + 1} below the header, neither as characters nor as UTF-16 units: correct them, or leave them blank, and the "
            f"sentences are searched."
        )
    if unit != UNITS[0]:
        log.info("annotations: start and end count %s", unit)
    searched = np.flatnonzero(start < 0)
    found = align(texts, post[searched], [sentences[number] for number in searched.tolist()], fuzzy_threshold)
    stage, score = np.full(len(sentences), "given", dtype=object), np.ones(len(sentences))
    stage[searched], score[searched] = found.stage, found.score
    every = [(number, *place) for number, place in zip(given.tolist(), places[unit], strict=True)]
    every += zip(searched[found.sentence].tolist(), found.start.tolist(), found.end.tolist(), strict=True)
    columns = np.array(sorted(every), dtype=np.int64).reshape(-1, 3).T
    return Alignment(stage, score, *columns)


def _place(text: str, sentence: str, start: int, end: int, unit: str) -> tuple[int, int] | None:
    """The place in characters, without white space at its ends; None where it does not hold the sentence."""
    if unit != UNITS[0]:
        bounds = _from_utf16(text, start, end)
        if bounds is None:
            return None
        start, end = bounds
    cut = text[start:end]
    first = FIRST_SEEN.search(cut)
    if first is None or end > len(text):
        return None
    wanted, held = trim(sentence), trim(cut)
    if wanted and wanted != held and normalise(wanted).text != normalise(held).text:
        return None
    return start + first.start(), start + LAST_SEEN.search(cut).end()


def _from_utf16(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Offsets in characters of offsets in UTF-16 units; None within a character or beyond the text."""
    if text.isascii():
        return start, end
    before = np.concatenate([[0], np.cumsum([1 + (character > "\uffff") for character in text])])
    bounds = np.searchsorted(before, [start, end])
    if end > before[-1] or (before[bounds] != [start, end]).any():
        return None
    return int(bounds[0]), int(bounds[1])
