"""The parts of the wording of one criterion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PRESENT, THIRD_PERSON, PAST = 0, 1, 2


@dataclass(frozen=True)
class Phrase:
    """A predicate, used for a symptom, for another person or for the past.

    Attributes:
        verb: its form after "I", after "my sister" and after "back then I".
        rest: what follows the verb; ``{my}``, ``{me}`` and ``{myself}`` agree with the subject.
    """

    verb: tuple[str, str, str]
    rest: str

    def template(self, form: int) -> str:
        """The phrase in one of the forms PRESENT, THIRD_PERSON, PAST."""
        return f"{self.verb[form]} {self.rest}"


@dataclass(frozen=True)
class CriterionWording:
    """All the ways in which posts speak of one criterion; every string is a grammar template.

    Attributes:
        criterion: the criterion's text, in our own words.
        phrases: predicates, used in positive sentences and in three kinds of hard negatives.
        statements: whole positive sentences, each of a structure of its own.
        denials: whole sentences that say the criterion is not met.
        figures: figurative uses of its vocabulary.
        near: daily life that shares its vocabulary and says nothing about it.
        slots: fillers that only this criterion's templates use.
    """

    criterion: str
    phrases: Sequence[Phrase]
    statements: Sequence[str]
    denials: Sequence[str]
    figures: Sequence[str]
    near: Sequence[str]
    slots: Mapping[str, Sequence[str]]
