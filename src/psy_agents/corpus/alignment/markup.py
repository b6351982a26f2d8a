"""Links and markup of a post's form, within which no fuzzy place begins or ends."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import regex

from psy_agents.corpus.alignment.tokens import Token

LINK_TEXT = regex.compile(r"!?\[[^\[\]]*\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)")
ATOMS = regex.compile(
    r"""
      \]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)            # the target of a Markdown link
    | (?:https?://|www\.)\S*[\p{L}\p{N}/=\#&_-]          # a bare address
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                       # an e-mail address
    | (?<![\w/])/?[ru]/[\w-]+ | (?<!\w)[@\#][\w.-]*\w    # a name of a forum or a person, a hashtag
    | &\#?\w{2,8};                                       # a character of HTML
    | (?P<tag></?[a-z!][^<>]*> | \[/?[a-z*]+(?:=[^\[\]]*)?\])  # a tag of HTML or BBCode
    """,
    regex.VERBOSE,
)
EMPHASIS = frozenset("*_~`")


class Markup:
    """Decides at which tokens of a form a place may begin or end."""

    def __init__(self, form: str, tokens: Sequence[Token]) -> None:
        self._starts = [token.start for token in tokens]
        self._bad_first, self._bad_last = set(), set()
        for atom in ATOMS.finditer(form):
            for number in self._within(tokens, *atom.span()):
                if atom["tag"] or tokens[number].start > atom.start():
                    self._bad_first.add(number)
                if atom["tag"] or tokens[number].end < atom.end():
                    self._bad_last.add(number)
        self._links = [link.span() for link in LINK_TEXT.finditer(form)]
        self._link_of = {
            number: place for place, link in enumerate(self._links) for number in self._within(tokens, *link)
        }
        self._tokens = tokens
        for number, token in enumerate(tokens):
            if not token.word:
                before = token.start > 0 and not form[token.start - 1].isspace()
                after = token.end < len(form) and not form[token.end].isspace()
                if before and not after:  # it closes what comes before
                    self._bad_first.add(number)
                if after and not before:  # it opens what comes after
                    self._bad_last.add(number)

    def allows(self, first: int, last: int) -> bool:
        """True if a place may go from token ``first`` to token ``last``, inclusive."""
        if first in self._bad_first or last in self._bad_last:
            return False
        begins_in, ends_in = self._link_of.get(first), self._link_of.get(last)
        begins_whole = begins_in is None or self._tokens[first].start <= self._links[begins_in][0]
        ends_whole = ends_in is None or self._tokens[last].end >= self._links[ends_in][1]
        return begins_whole == ends_whole and (begins_whole or begins_in == ends_in)

    def balanced(self, first: int, last: int) -> tuple[int, int]:
        """The place with the mark of emphasis right before or after it whose partner it holds."""
        for step, edge in ((-1, first), (1, last)):
            number = edge + step
            if not 0 <= number < len(self._tokens):
                continue
            mark, neighbour = self._tokens[number], self._tokens[edge]
            touches = mark.end == neighbour.start if step < 0 else neighbour.end == mark.start
            held = sum(token.text == mark.text for token in self._tokens[first : last + 1])
            if touches and set(mark.text) <= EMPHASIS and held % 2:
                first, last = min(first, number), max(last, number)
        return first, last

    def _within(self, tokens: Sequence[Token], start: int, end: int) -> range:
        """The tokens that share a character with a part of the form."""
        first = bisect_right(self._starts, start) - 1
        if first < 0 or tokens[first].end <= start:
            first += 1
        return range(first, bisect_right(self._starts, end - 1))
