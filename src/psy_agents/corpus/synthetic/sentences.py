"""Composes single sentences: evidence for a criterion, hard negatives of it, and daily life."""

from __future__ import annotations

from collections import ChainMap
from enum import StrEnum
from functools import cache

import numpy as np

from psy_agents.corpus.synthetic.grammar import Slots, as_sentence, expand, pick
from psy_agents.corpus.synthetic.wording import WORDING, daily_life, shared
from psy_agents.corpus.synthetic.wording.schema import PAST, PRESENT, THIRD_PERSON

CRITERIA = tuple(WORDING)


class HardNegative(StrEnum):
    """Why a sentence that speaks of a criterion is no evidence for it."""

    NEGATED = "negated"
    OTHER_PERSON = "another person"
    PAST = "past and over"
    FIGURATIVE = "figurative"


STATEMENT_SHARE = 0.6
"""Share of evidence written as a statement of its own; the rest puts a phrase into a frame."""

CLAIMED_SHARE = 0.5
"""Share of evidence inside a frame whose words the quoted hard negatives use too."""

QUOTED_SHARE = 0.6
"""Share of negated, past and other people's sentences that hold a piece of evidence, word for word."""

WHOLE_DENIAL_SHARE = 0.5
"""Share of the other negated sentences written as a denial of their own; the rest negates a phrase."""

NEAR_SHARE = 0.45
"""Share of daily-life sentences that borrow a criterion's vocabulary."""


def evidence(criterion: str, rng: np.random.Generator) -> str:
    """A sentence in which the writer has the symptom now."""
    if rng.random() < CLAIMED_SHARE:
        return _around(shared.CLAIMED_FRAMES, criterion, shared.SLOTS, rng)
    return _plain_evidence(criterion, rng)


def _plain_evidence(criterion: str, rng: np.random.Generator) -> str:
    slots = _first_person_slots(criterion)
    if rng.random() < STATEMENT_SHARE:
        return as_sentence(expand(pick(WORDING[criterion].statements, rng), slots, rng))
    return _framed(shared.POSITIVE_FRAMES, criterion, PRESENT, slots, rng)


def _around(frames: tuple[str, ...], criterion: str, slots: Slots, rng: np.random.Generator) -> str:
    """A frame around a piece of evidence: only the frame says whose it is and whether it holds."""
    quoted = _plain_evidence(criterion, rng).rstrip(".")
    return as_sentence(expand(pick(frames, rng), ChainMap({"sentence": (quoted,), "someone": shared.SOMEONE}, slots), rng))


def double_evidence(first: str, second: str, rng: np.random.Generator) -> str:
    """One sentence that is evidence for two criteria."""
    one, other = (
        _phrase(criterion, PRESENT, _first_person_slots(criterion), rng) for criterion in (first, second)
    )
    frame = pick(
        ("{lately} I {one} and {other}", "I {one}, and on top of that I {other}", "I {one} and I {other}"),
        rng,
    )
    return as_sentence(expand(frame, {**shared.SLOTS, "one": (one,), "other": (other,)}, rng))


def hard_negative(criterion: str, kind: HardNegative, rng: np.random.Generator) -> str:
    """A sentence in the criterion's vocabulary that is no evidence for it."""
    wording, slots = WORDING[criterion], _first_person_slots(criterion)
    if kind is HardNegative.FIGURATIVE:
        return as_sentence(expand(pick(wording.figures, rng), slots, rng))
    quoted = rng.random() < QUOTED_SHARE
    if kind is HardNegative.PAST:
        if quoted:
            return _around(shared.QUOTED_PAST_FRAMES, criterion, shared.SLOTS, rng)
        return _framed(shared.PAST_FRAMES, criterion, PAST, slots, rng)
    if kind is HardNegative.OTHER_PERSON:
        person = pick(shared.OTHER_PEOPLE, rng)
        one_person = {**person, "person": (pick(person["person"], rng),)}
        if quoted:
            return _around(shared.QUOTED_OTHER_FRAMES, criterion, ChainMap(one_person, shared.SLOTS), rng)
        return _framed(shared.OTHER_PERSON_FRAMES, criterion, THIRD_PERSON, ChainMap(one_person, slots), rng)
    if quoted:
        return _around(shared.QUOTED_DENIAL_FRAMES, criterion, shared.SLOTS, rng)
    if rng.random() < WHOLE_DENIAL_SHARE:
        return as_sentence(expand(pick(wording.denials, rng), slots, rng))
    return _framed(shared.DENIAL_FRAMES, criterion, PRESENT, slots, rng)


def daily_sentence(rng: np.random.Generator) -> str:
    """A sentence that is about no criterion, though it may share one's vocabulary."""
    if rng.random() < NEAR_SHARE:
        criterion = pick(CRITERIA, rng)
        return as_sentence(expand(pick(WORDING[criterion].near, rng), _first_person_slots(criterion), rng))
    return as_sentence(expand(pick(daily_life.SENTENCES, rng), daily_life.SLOTS, rng))


@cache
def _first_person_slots(criterion: str) -> Slots:
    return {**shared.SLOTS, **shared.FIRST_PERSON, **WORDING[criterion].slots}


def _phrase(criterion: str, form: int, slots: Slots, rng: np.random.Generator) -> str:
    return expand(pick(WORDING[criterion].phrases, rng).template(form), slots, rng)


def _framed(
    frames: tuple[str, ...], criterion: str, form: int, slots: Slots, rng: np.random.Generator
) -> str:
    phrase = _phrase(criterion, form, slots, rng)
    return as_sentence(expand(pick(frames, rng), ChainMap({"phrase": (phrase,)}, slots), rng))
