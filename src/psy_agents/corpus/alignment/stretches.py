"""The joined stage: a sentence that an annotator put together from several stretches of the post.

Each stretch stands in the post's form; what lies between them there is not part of the evidence.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property
from itertools import count
from typing import NamedTuple

from psy_agents.corpus.alignment.fuzzy import MOST_UNMATCHED, words_needed
from psy_agents.corpus.alignment.post import Post

MOST_WORDS = 500  # of a sentence that is taken apart
SEPARATORS = frozenset("/|;•[]()")


class Stretch(NamedTuple):
    """A stretch of the sentence that stands in the post.

    Attributes:
        form: its form in the post.
        places: (start, end) of each of its places in the post's form.
    """

    form: str
    places: list[tuple[int, int]]


class _Sentence(Post):
    """A sentence as annotated, and where it may have been joined."""

    @cached_property
    def breaks(self) -> set[int]:
        """Numbers of the words before which a sentence or a part in brackets ends, and that after the last word."""
        starts, ends = [word.start for word in self.words], [word.end for word in self.words]
        between = (self.form.text[end:start] for end, start in zip(ends, starts[1:], strict=False))
        return self.sentence_starts | {number for number, text in enumerate(between, 1) if set(text) & SEPARATORS}

    def stretch(self, first: int, end: int) -> str:
        """The form from word ``first`` to before word ``end``, without punctuation at its edges."""
        return self.form.text[self.words[first].start : self.words[end - 1].end]

    def behind(self, end: int) -> str:
        """The punctuation behind the word before ``end``."""
        stop = self.words[end].start if end < len(self.words) else len(self.form.text)
        return self.form.text[self.words[end - 1].end : stop].rstrip()


def joined_stretches(post: Post, text: str) -> list[Stretch]:
    """The fewest stretches that make up the sentence; none if some word belongs to no stretch.

    A stretch has as many words as chance does not put there (see `words_needed`), or it is a whole part of the sentence and a
    whole sentence of the post wherever it stands there. Of several ways to cut, the one that cuts at punctuation is taken.

    Args:
        text: the sentence as annotated, without white space around it.
    """
    sentence = _Sentence(text)
    n_words = len(sentence.words)
    if n_words > MOST_WORDS:
        return []
    least = next(words for words in count(1) if words_needed(words, len(post.tokens)) is not None)
    # For each number of words from the start: stretches, cuts without punctuation, and where the last stretch begins.
    best: dict[int, tuple[int, int, int]] = {0: (0, 0, 0)}
    for first in range(n_words):
        if first not in best:
            continue
        stretches, bare, _ = best[first]
        for end in range(first + 1, _reach(post, sentence, first) + 1):
            if end - first < least and not _is_whole(post, sentence, first, end):
                continue
            offer = (stretches + 1, bare + (end not in sentence.breaks), first)
            if end not in best or offer < best[end]:
                best[end] = offer
    if best.get(n_words, (0,))[0] < 2:
        return []
    cuts = [n_words]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][2])
    cuts.reverse()
    return [_stretch(post, sentence, first, end) for first, end in zip(cuts, cuts[1:], strict=False)]


def is_one_place(post: Post, stretches: list[Stretch]) -> bool:
    """True if the stretches follow each other in one sentence of the post, but for a word or two: a sentence with a slip."""
    for before, after in zip(stretches, stretches[1:], strict=False):
        end, start = before.places[0][1], after.places[0][0]
        if len(before.places) > 1 or len(after.places) > 1 or start < end:
            return False
        between = [token for token in post.tokens if token.start >= end and token.end <= start]
        if any(token.closes for token in between) or sum(token.word for token in between) > MOST_UNMATCHED:
            return False
    return True


def _reach(post: Post, sentence: _Sentence, first: int) -> int:
    """The end of the longest stretch from a word, exclusive; a part of a stretch that stands in the post stands there, too."""
    good, bad = first, len(sentence.words) + 1
    step = 1
    while good + step < bad:
        if post.holds_words(sentence.stretch(first, good + step)):
            good, step = good + step, 2 * step
        else:
            bad = good + step
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if post.holds_words(sentence.stretch(first, middle)) else (good, middle)
    return good


def _is_whole(post: Post, sentence: _Sentence, first: int, end: int) -> bool:
    """True for a whole part of the sentence that is a whole sentence of the post wherever it stands there."""
    if first not in sentence.breaks or end not in sentence.breaks:
        return False
    stretch = _stretch(post, sentence, first, end)
    starts, ends = [word.start for word in post.words], [word.end for word in post.words]
    numbers = [(bisect_left(starts, start), bisect_right(ends, stop)) for start, stop in stretch.places]
    return bool(numbers) and all({begin, after} <= post.sentence_starts for begin, after in numbers)


def _stretch(post: Post, sentence: _Sentence, first: int, end: int) -> Stretch:
    """The stretch at each of its places, with the punctuation behind it where the post has that, too."""
    form, behind = sentence.stretch(first, end), sentence.behind(end)
    while behind and not post.holds_words(form + behind):
        behind = behind[:-1].rstrip()
    return Stretch(form + behind, post.places_in_form(form + behind))
