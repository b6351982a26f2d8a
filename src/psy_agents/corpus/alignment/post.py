"""A post as alignment reads it: its text, its form, and the words and sentences of the form."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cached_property

from psy_agents.corpus.alignment.markup import Markup
from psy_agents.corpus.alignment.normalisation import Normalised, normalise
from psy_agents.corpus.alignment.tokens import SENTENCE_ENDS, TOKEN, Token, is_word


class Post:
    """A text; its form and tokens are computed when a later stage first needs them."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def form(self) -> Normalised:
        return normalise(self.text)

    @cached_property
    def tokens(self) -> list[Token]:
        form, found = self.form, list(TOKEN.finditer(self.form.text))
        tokens, opens = [], True
        for match, after in zip(found, [*found[1:], None], strict=False):  # a text of unseen characters has no token
            closes = (
                after is None
                or match.group()[-1] in SENTENCE_ENDS
                or "\n" in self.text[form.end[match.end() - 1] : form.start[after.start()]]
            )
            tokens.append(Token(match.start(), match.end(), match.group(), is_word(match.group()), opens, closes))
            opens = closes
        return tokens

    @cached_property
    def words(self) -> list[Token]:
        """The tokens that are no punctuation."""
        return [token for token in self.tokens if token.word]

    @cached_property
    def sentence_starts(self) -> set[int]:
        """Numbers of the words that begin a sentence, and that after the last word."""
        starts, closed, number = {0}, False, 0
        for token in self.tokens:
            if token.word:
                if closed or token.opens:
                    starts.add(number)
                number, closed = number + 1, False
            closed = closed or token.closes
        return starts | {number}

    @cached_property
    def markup(self) -> Markup:
        return Markup(self.form.text, self.tokens)

    @cached_property
    def number_of(self) -> dict[str, int]:
        """A number for each different token: the library compares numbers faster than words."""
        return {text: number for number, text in enumerate(dict.fromkeys(token.text for token in self.tokens))}

    @cached_property
    def numbers(self) -> list[int]:
        return [self.number_of[token.text] for token in self.tokens]

    def cut(self, first: int, last: int) -> str:
        """The part of the form from token ``first`` to token ``last``, inclusive."""
        return self.form.text[self.tokens[first].start : self.tokens[last].end]

    def places_in_form(self, form: str) -> list[tuple[int, int]]:
        """The places of ``form`` in the post's form; they start and end with whole pieces of the text."""
        return occurrences(self.form.text, form, self._whole)

    def places_of(self, form: str) -> list[tuple[int, int]]:
        """The places in the post's text whose form is ``form``."""
        return [self.form.span(start, end) for start, end in self.places_in_form(form)]

    def places_of_words(self, form: str) -> list[tuple[int, int]]:
        """The places in the post's text whose form is ``form``, none of them inside a longer word."""
        text = self.form.text
        return [
            self.form.span(start, end)
            for start, end in self.places_in_form(form)
            if not splits_word(text, start) and not splits_word(text, end)
        ]

    def holds_words(self, form: str) -> bool:
        """True if ``form`` is in the post's form, not within a longer word; stops at its first place."""
        text, start = self.form.text, self.form.text.find(form)
        while start >= 0:
            end = start + len(form)
            if self._whole(start, end) and not splits_word(text, start) and not splits_word(text, end):
                return True
            start = text.find(form, start + 1)
        return False

    def _whole(self, start: int, end: int) -> bool:
        return bool(self.form.opens[start] and self.form.closes[end - 1])


def occurrences(text: str, sentence: str, allowed: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    """The places of ``sentence``, without overlaps; inside a longer word only if it occurs nowhere else."""

    def scan(accepted: Callable[[int, int], bool]) -> list[tuple[int, int]]:
        found, start = [], text.find(sentence)
        while start >= 0:
            end = start + len(sentence)
            hit = accepted(start, end)
            if hit:
                found.append((start, end))
            start = text.find(sentence, end if hit else start + 1)
        return found

    def whole_words(start: int, end: int) -> bool:
        return allowed(start, end) and not splits_word(text, start) and not splits_word(text, end)

    return scan(whole_words) or scan(allowed)


def splits_word(text: str, at: int) -> bool:
    """True between two letters, digits or the combining marks of a letter."""
    neighbours = text[at - 1 : at + 1] if 0 < at < len(text) else " "
    return all(unicodedata.category(character)[0] in "LNM" for character in neighbours)
