"""A small sentence grammar: text with ``[choices|to|draw]`` and ``{slots}`` to fill, drawn at random.

``[a|b|]`` draws one alternative, the empty one included; alternatives may hold choices and slots.
``{name}`` draws one filler of the slot of that name, and a filler may hold choices and slots itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Slots = Mapping[str, Sequence[str]]

_MARKS = re.compile(r"([\[\]|{}])")


@dataclass(frozen=True)
class Choice:
    """One of several alternatives, each a sequence of parts."""

    alternatives: tuple[tuple[Part, ...], ...]


@dataclass(frozen=True)
class Slot:
    """A place filled from the slot of this name."""

    name: str


Part = str | Choice | Slot


def expand(template: str, slots: Slots, rng: np.random.Generator) -> str:
    """Draw one text of ``template``; single spaces, no space before punctuation."""
    text = " ".join(_draw(parse(template), slots, rng).split())
    return re.sub(r" ([,.;:!?])", r"\1", text)


def as_sentence(text: str) -> str:
    """Begin with a capital and end with a full stop, unless the text ends a sentence itself."""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else f"{text}."


@cache
def parse(template: str) -> tuple[Part, ...]:
    """Read a template once; ``ValueError`` where its brackets do not match."""
    tokens = [token for token in _MARKS.split(template) if token]
    parts, end = _parse_sequence(tokens, 0, inside=False)
    if end != len(tokens):
        raise ValueError(f"unmatched {tokens[end]!r} in template {template!r}")
    return parts


def _parse_sequence(tokens: list[str], at: int, inside: bool) -> tuple[tuple[Part, ...], int]:
    parts: list[Part] = []
    while at < len(tokens):
        token = tokens[at]
        if token == "[":
            choice, at = _parse_choice(tokens, at + 1)
            parts.append(choice)
        elif token == "{":
            if tokens[at + 2 : at + 3] != ["}"]:
                raise ValueError("a slot is written {name}")
            parts.append(Slot(tokens[at + 1]))
            at += 3
        elif token == "]" or (token == "|" and inside):
            break
        else:
            parts.append(token)
            at += 1
    return tuple(parts), at


def _parse_choice(tokens: list[str], at: int) -> tuple[Choice, int]:
    alternatives = []
    while True:
        parts, at = _parse_sequence(tokens, at, inside=True)
        alternatives.append(parts)
        if at >= len(tokens):
            raise ValueError("a [ without its ]")
        if tokens[at] == "]":
            return Choice(tuple(alternatives)), at + 1
        at += 1


def _draw(parts: tuple[Part, ...], slots: Slots, rng: np.random.Generator) -> str:
    drawn = []
    for part in parts:
        if isinstance(part, str):
            drawn.append(part)
        elif isinstance(part, Choice):
            drawn.append(_draw(pick(part.alternatives, rng), slots, rng))
        else:
            drawn.append(_draw(parse(pick(slots[part.name], rng)), slots, rng))
    return "".join(drawn)


def pick(options: Sequence[T], rng: np.random.Generator) -> T:
    """One of the options, each as likely; several times faster than ``Generator.choice``."""
    return options[int(rng.random() * len(options))]
