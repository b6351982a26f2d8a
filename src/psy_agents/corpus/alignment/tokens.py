"""Words and runs of punctuation of a form."""

from __future__ import annotations

from typing import NamedTuple

import regex

from psy_agents.corpus.scripts import FULL_STOPS, UNSPACED

_LETTERS = rf"[\w--[{UNSPACED}]]+"
TOKEN = regex.compile(rf"(?V1)[{UNSPACED}]\p{{M}}*|{_LETTERS}(?:['-]{_LETTERS})*|[^\w\s]+")
PUNCTUATION = regex.compile(r"[^\w\s]|_+$")  # at its start, a token that is no word
SENTENCE_ENDS = f".!?{FULL_STOPS}"
_EDGES = r"[\s\p{P}\p{Sm}\p{Sk}]"
EDGES = regex.compile(rf"^{_EDGES}+|{_EDGES}+$")


class Token(NamedTuple):
    """A word or a run of punctuation of a form.

    Attributes:
        start, end: offsets in the form.
        text: the token.
        word: False for punctuation.
        opens, closes: True where a sentence starts, or ends, with the token.
    """

    start: int
    end: int
    text: str
    word: bool
    opens: bool
    closes: bool


def without_edges(form: str) -> str:
    """A form without punctuation at its two ends; "" where no letter is left."""
    core = EDGES.sub("", form)
    return core if any(map(str.isalpha, core)) else ""


def is_word(token: str) -> bool:
    """True for a word, False for a run of punctuation."""
    return PUNCTUATION.match(token) is None


def words_of(form: str) -> list[str]:
    """The words of a form."""
    return [token for token in TOKEN.findall(form) if is_word(token)]
