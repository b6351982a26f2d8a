"""Finds annotated sentences in their posts: verbatim, after normalisation, or by similarity.

Alignment prefers precision to recall: a wrong place teaches a model wrong evidence, while a missing one is counted and can be
fixed in the data.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import regex
from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq, Levenshtein

from psy_agents.corpus.alignment.normalisation import Normalised, normalise, trim
from psy_agents.corpus.scripts import FULL_STOPS, UNSPACED
from psy_agents.errors import UserError

STAGES = ("exact", "normalised", "fuzzy", "not_found", "blank")

# A letter of a script that puts no spaces between its words counts as a word.
_LETTERS = rf"[\w--[{UNSPACED}]]+"
TOKEN = regex.compile(rf"(?V1)[{UNSPACED}]\p{{M}}*|{_LETTERS}(?:['-]{_LETTERS})*|[^\w\s]+")
SENTENCE_ENDS = ".!?" + FULL_STOPS

CHANCE_OF_EQUAL_WORDS = 0.01  # of two words of running English: about the sum of its words' squared frequencies
CHANCE_PLACES = 1e-3  # expected number of places that share the words by chance
RUNNER_UP_RATIO = 0.8
RIVAL_SHARE = 0.75  # a window that shares fewer of the best one's tokens is not fitted
MOST_WINDOWS = 5  # that are fitted: the best and its likely rivals
REACH = 6  # tokens that an end may move over in one step
SENTENCE_EDGE_BONUS = 0.03  # of similarity, for each end of a place that is also the end of a sentence of the post


@dataclass(frozen=True)
class Alignment:
    """The result of `align`.

    Attributes:
        stage: (sentences) one of STAGES: the first stage that found the sentence, or why none did.
        score: (sentences) 1.0 for exact and normalised, the similarity for fuzzy, nan otherwise.
        sentence: (places) int64 index of the sentence, ascending.
        start, end: (places) int64 character offsets in the post's text, ascending within a sentence.
    """

    stage: np.ndarray
    score: np.ndarray
    sentence: np.ndarray
    start: np.ndarray
    end: np.ndarray


def align(
    texts: Sequence[str], post: np.ndarray, sentences: Sequence[str], fuzzy_threshold: float | None
) -> Alignment:
    """Find each sentence in its post, by the first stage that finds it.

    White space and invisible characters around a sentence are ignored; a sentence without other characters is blank.

    - exact: the post contains the sentence verbatim.
    - normalised: the post's form contains the sentence's form, see `normalisation`; a place covers whole characters.
    - fuzzy: one place is similar enough to the sentence, see `_similar_places`.

    The first two return every place, without overlaps; inside a longer word only if the sentence occurs nowhere else.

    Args:
        texts: the posts.
        post: (sentences) index into ``texts``.
        sentences: the sentences as annotated.
        fuzzy_threshold: the lowest similarity of a fuzzy place, above 0 and at most 1; None for no fuzzy stage.

    Raises:
        UserError: the threshold is out of range.
        RuntimeError: a place does not hold its sentence, which is a bug.
    """
    if fuzzy_threshold is not None and not 0 < fuzzy_threshold <= 1:
        raise UserError(
            f"The fuzzy threshold is {fuzzy_threshold}: it must be above 0 and at most 1, or null for no fuzzy stage."
        )
    stage = np.empty(len(sentences), dtype=object)
    score = np.empty(len(sentences), dtype=np.float64)
    places: list[tuple[int, int, int]] = []
    # Post by post: a post's form is made at most once, and only one is held.
    order = np.argsort(post, kind="stable")
    posts, first = np.unique(post[order], return_index=True)
    for index, group in zip(posts.tolist(), np.split(order, first[1:]), strict=False):  # without posts, one empty group
        target = _Post(texts[index])
        found: dict[str, _Found] = {}
        for number in group.tolist():
            sentence = trim(sentences[number])
            if sentence not in found:
                found[sentence] = _find(target, sentence, fuzzy_threshold)
            stage[number], score[number], spans = found[sentence]
            places.extend((number, start, end) for start, end in spans)
    columns = np.array(sorted(places), dtype=np.int64).reshape(-1, 3).T
    return Alignment(stage, score, *columns)


class _Found(NamedTuple):
    stage: str
    score: float
    spans: list[tuple[int, int]]


class _Token(NamedTuple):
    """A word or a run of punctuation of a post's form.

    Attributes:
        start, end: offsets in the form.
        text: the token.
        opens, closes: True where a sentence of the post starts, or ends, with the token.
    """

    start: int
    end: int
    text: str
    opens: bool
    closes: bool


class _Fit(NamedTuple):
    similarity: float
    first: int  # token
    last: int  # token, inclusive


class _Post:
    """A post; its form and tokens are computed when a later stage first needs them."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def form(self) -> Normalised:
        return normalise(self.text)

    @cached_property
    def tokens(self) -> list[_Token]:
        form, found = self.form, list(TOKEN.finditer(self.form.text))
        tokens, opens = [], True
        for match, after in zip(found, [*found[1:], None], strict=False):  # a post of unseen characters has no token
            closes = (
                after is None
                or match.group()[-1] in SENTENCE_ENDS
                or "\n" in self.text[form.end[match.end() - 1] : form.start[after.start()]]
            )
            tokens.append(_Token(match.start(), match.end(), match.group(), opens, closes))
            opens = closes
        return tokens

    @cached_property
    def number_of(self) -> dict[str, int]:
        """A number for each different token: the library compares numbers faster than words."""
        return {text: number for number, text in enumerate(dict.fromkeys(token.text for token in self.tokens))}

    @cached_property
    def numbers(self) -> list[int]:
        return [self.number_of[token.text] for token in self.tokens]

    def cut(self, fit: _Fit) -> str:
        """The part of the form that a fit covers."""
        return self.form.text[self.tokens[fit.first].start : self.tokens[fit.last].end]

    def places_of(self, form: str) -> list[tuple[int, int]]:
        """The places in the post's text whose form is ``form``; they start and end with whole pieces."""
        opens, closes = self.form.opens, self.form.closes
        found = _occurrences(self.form.text, form, lambda start, end: bool(opens[start] and closes[end - 1]))
        return [self.form.span(start, end) for start, end in found]


def _find(post: _Post, sentence: str, fuzzy_threshold: float | None) -> _Found:
    """The result of the first stage that finds the trimmed sentence; the places are checked against the post's text."""
    if not sentence:
        return _Found("blank", math.nan, [])
    spans = _occurrences(post.text, sentence, lambda start, end: True)
    if spans:
        _check("exact", all(post.text[start:end] == sentence for start, end in spans))
        return _Found("exact", 1.0, spans)

    form = normalise(sentence).text
    spans = post.places_of(form)
    if spans:
        _check("normalised", all(normalise(post.text[start:end]).text == form for start, end in spans))
        return _Found("normalised", 1.0, spans)

    spans = [] if fuzzy_threshold is None else _similar_places(post, form, fuzzy_threshold)
    if spans:
        cuts = [normalise(post.text[start:end]).text for start, end in spans]
        score = min(Levenshtein.normalized_similarity(form, cut) for cut in cuts)
        _check("fuzzy", score >= fuzzy_threshold)
        return _Found("fuzzy", score, spans)
    return _Found("not_found", math.nan, [])


def _occurrences(text: str, sentence: str, allowed: Callable[[int, int], bool]) -> list[tuple[int, int]]:
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
        return allowed(start, end) and not _splits_word(text, start) and not _splits_word(text, end)

    return scan(whole_words) or scan(allowed)


def _splits_word(text: str, at: int) -> bool:
    """True between two letters, digits or the combining marks of a letter."""
    neighbours = text[at - 1 : at + 1] if 0 < at < len(text) else " "
    return all(unicodedata.category(character)[0] in "LNM" for character in neighbours)


def _check(stage: str, holds: bool) -> None:
    if not holds:
        raise RuntimeError(f"Alignment: the {stage} stage gave a place that does not hold its sentence.")


def _similar_places(post: _Post, form: str, threshold: float) -> list[tuple[int, int]]:
    """The place of the post's form that is most similar to the sentence's form, if it is unambiguous; several if they are equal.

    Windows that share words with the sentence are fitted to it. The best one is taken if

    - its similarity, one less the Levenshtein distance over the length of the longer, reaches the threshold;
    - it shares, in order, `words_needed` words with the sentence, more than chance explains: a sentence of a word or two
      has no fuzzy place;
    - it is unambiguous: its distance is at most RUNNER_UP_RATIO of the distance of the next best place. This is the test of
      Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004, section 7.1, with his ratio.
    """
    wanted = TOKEN.findall(form)
    needed = words_needed(len(_words(wanted)), len(post.tokens))
    if needed is None:
        return []
    fits = [_fit(post, form, first, last) for first, last in _windows(post, wanted, needed)]
    if not fits:
        return []
    best = max(fits)
    cut = post.cut(best)
    others = [fit for fit in fits if (fit.last < best.first or best.last < fit.first) and post.cut(fit) != cut]
    runner_up = max((fit.similarity for fit in others), default=0.0)
    shared = LCSseq.similarity(_words(wanted), _words(TOKEN.findall(cut)))
    if best.similarity < threshold or shared < needed or 1 - best.similarity > RUNNER_UP_RATIO * (1 - runner_up):
        return []
    return post.places_of(cut)


def words_needed(words: int, places: int) -> int | None:
    """How many of a sentence's ``words`` a place must share before chance is an unlikely explanation.

    With ``places`` places, each of which shares a word with a chance of p = CHANCE_OF_EQUAL_WORDS, about
    places * binomial(words, k) * p**k share k words in order. The smallest k that keeps this below CHANCE_PLACES; None
    if even a place that shares all of them is not rare enough.
    """
    log_chance = math.log(max(places, 1))  # the number itself overflows for a sentence of 100,000 words
    for shared in range(1, words + 1):
        log_chance += math.log((words - shared + 1) / shared * CHANCE_OF_EQUAL_WORDS)
        if log_chance < math.log(CHANCE_PLACES) - 1e-9:
            return shared
    return None


def _windows(post: _Post, wanted: list[str], needed: int) -> list[tuple[int, int]]:
    """First and last token of the windows that share the most tokens with the sentence, at least ``needed``.

    The best window is taken, then those of the tokens before and after it, and so on, while they have RIVAL_SHARE of
    the most tokens that one shares. Equal windows count once.
    """
    numbers = [post.number_of.get(token, -1) for token in wanted]
    windows: dict[tuple[int, ...], tuple[float, int, int]] = {}
    most = 0.0
    stretches = [(0, len(post.tokens))]
    while stretches:
        begin, stop = stretches.pop()
        least = max(needed, RIVAL_SHARE * most)
        if stop - begin < least:
            continue
        hit = fuzz.partial_ratio_alignment(numbers, post.numbers[begin:stop], score_cutoff=100 * least / len(wanted))
        if hit is None:
            continue
        shared = hit.score / 100 * (hit.src_end - hit.src_start + hit.dest_end - hit.dest_start) / 2
        if shared < least:
            continue
        most = max(most, shared)
        first, end = begin + hit.dest_start, begin + hit.dest_end
        windows.setdefault(tuple(post.numbers[first:end]), (shared, first, end - 1))
        stretches += [(begin, first), (end, stop)]
    ranked = sorted(windows.values(), key=lambda window: (-window[0], window[1]))
    return [(first, last) for _, first, last in ranked[:MOST_WINDOWS]]


def _fit(post: _Post, form: str, first: int, last: int) -> _Fit:
    """Move the two ends of a window in turn, until neither gets closer to the sentence.

    Closer means more similar, with a bonus for an end that is the end of a sentence of the post: where words at the
    edge of the annotated sentence were replaced, similarity alone cannot tell which words of the post they replace.
    """
    tokens, whole = post.tokens, post.form

    def value(first: int, last: int) -> float:
        if not (whole.opens[tokens[first].start] and whole.closes[tokens[last].end - 1]):
            return -1.0  # inside a character, such as a fraction, whose form has several tokens
        edges = tokens[first].opens + tokens[last].closes
        cut = whole.text[tokens[first].start : tokens[last].end]
        return Levenshtein.normalized_similarity(form, cut) + SENTENCE_EDGE_BONUS * edges

    moved = None
    while moved != (first, last):
        moved = (first, last)
        starts = range(max(0, first - REACH), min(last, first + REACH) + 1)
        first = max(starts, key=lambda start: value(start, last))
        ends = range(max(first, last - REACH), min(len(tokens) - 1, last + REACH) + 1)
        last = max(ends, key=lambda end: value(first, end))
    if value(first, last) < 0:
        return _Fit(0.0, first, last)
    return _Fit(
        Levenshtein.normalized_similarity(form, whole.text[tokens[first].start : tokens[last].end]), first, last
    )


def _words(tokens: list[str]) -> list[str]:
    return [token for token in tokens if token[0].isalnum()]
