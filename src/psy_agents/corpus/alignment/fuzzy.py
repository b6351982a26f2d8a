"""The fuzzy stage: the one place of a post that is similar enough to a sentence that does not stand there."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from typing import NamedTuple

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq, Levenshtein

from psy_agents.corpus.alignment.post import Post
from psy_agents.corpus.alignment.tokens import TOKEN, is_word, words_of

CHANCE_OF_EQUAL_WORDS = 0.01  # of two words of running English: about the sum of its words' squared frequencies
CHANCE_PLACES = 1e-3  # expected number of places that share the words by chance
RUNNER_UP_RATIO = 0.8
RIVAL_SHARE = 0.75  # a window that shares fewer of the best one's tokens is not fitted
MOST_WINDOWS = 5  # that are fitted: the best and its likely rivals
REACH = 6  # tokens that an end may move over in one step
SENTENCE_EDGE_BONUS = 0.03  # of similarity, for each end of a place that is also the end of a sentence of the post
MOST_UNMATCHED = 2  # words in a row that only the place has, or only the sentence
MOST_REPLACED = 4  # words in a row that differ: with a fifth of all words replaced, five in a row are one in 3,000
KEPT_SHARE = 0.5  # of a word's characters; a word with fewer of them in the other text is not the same word

Spans = list[tuple[int, int]]


class _Fit(NamedTuple):
    similarity: float
    first: int  # token
    last: int  # token, inclusive


def similar_places(post: Post, form: str, threshold: float) -> list[tuple[int, int]]:
    """The place of the post's form that is most similar to the sentence's form, if it is unambiguous; several if they are equal.

    Windows that share words with the sentence are fitted to it. The best one is taken if

    - its similarity, one less the Levenshtein distance over the length of the longer, reaches the threshold;
    - it shares, in order, `words_needed` words with the sentence, more than chance explains: a sentence of a word or two
      has no fuzzy place;
    - it is unambiguous: its distance is at most RUNNER_UP_RATIO of the distance of the next best place. This is the test of
      Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004, section 7.1, with his ratio.
    """
    wanted, words = TOKEN.findall(form), words_of(form)
    needed = words_needed(len(words), len(post.tokens))
    if needed is None:
        return []
    fits = [_fit(post, form, first, last) for first, last in _windows(post, wanted, needed)]
    if not fits:
        return []
    best = max(fits)
    cut = post.cut(best.first, best.last)
    others = [fit for fit in fits if (fit.last < best.first or best.last < fit.first) and post.cut(fit.first, fit.last) != cut]
    runner_up = max((fit.similarity for fit in others), default=0.0)
    shared = LCSseq.similarity(words, words_of(cut))
    if best.similarity < threshold or shared < needed or 1 - best.similarity > RUNNER_UP_RATIO * (1 - runner_up):
        return []
    if not _is_one_stretch(post, form, best):
        return []
    return post.places_of(cut)


def _is_one_stretch(post: Post, form: str, fit: _Fit) -> bool:
    """False where the place has words in a row, or a whole sentence, that the sentence lacks, or lacks words of the sentence.

    Such a place comes from a sentence that was joined from several stretches and then changed: it holds text between them that
    is no evidence, or only one of them.
    """
    starts = [word.start for word in post.words]
    first, end = bisect_left(starts, post.tokens[fit.first].start), bisect_left(starts, post.tokens[fit.last].end)
    wanted = [match.span() for match in TOKEN.finditer(form) if is_word(match.group())]
    offset = post.tokens[fit.first].start
    held = [(word.start - offset, word.end - offset) for word in post.words[first:end]]
    anchors = [(-1, -1), *_same_words(form, wanted, post.cut(fit.first, fit.last), held), (len(wanted), len(held))]
    for (before, ours_before), (after, ours_after) in zip(anchors, anchors[1:], strict=False):
        missing, foreign = after - before - 1, ours_after - ours_before - 1
        if abs(missing - foreign) > MOST_UNMATCHED or max(missing, foreign) > MOST_REPLACED:
            return False
        if len(post.sentence_starts & set(range(first + ours_before + 1, first + ours_after + 1))) > 1:
            return False
    return True


def _same_words(form: str, wanted: Spans, cut: str, held: Spans) -> list[tuple[int, int]]:
    """Numbers of the words of both texts that share KEPT_SHARE of their characters where the texts are as near as can be."""
    word_of = np.full(len(cut), -1)
    for number, (start, end) in enumerate(held):
        word_of[start:end] = number
    partner = np.full(len(form), -1)  # the word in the cut of each character that is equal there
    for block in Levenshtein.opcodes(form, cut):
        if block.tag == "equal":
            partner[block.src_start : block.src_end] = word_of[block.dest_start : block.dest_end]
    same: list[tuple[int, int]] = []
    for number, (start, end) in enumerate(wanted):
        partners = partner[start:end][partner[start:end] >= 0]
        if len(partners):
            word, shared = max(Counter(partners.tolist()).items(), key=lambda item: item[1])
            longer = max(end - start, held[word][1] - held[word][0])
            if shared >= KEPT_SHARE * longer and (not same or same[-1][1] < word):
                same.append((number, word))
    return same


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


def _windows(post: Post, wanted: list[str], needed: int) -> list[tuple[int, int]]:
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


def _fit(post: Post, form: str, first: int, last: int) -> _Fit:
    """Move the two ends of a window in turn, until neither gets closer to the sentence.

    Closer means more similar, with a bonus for an end that is the end of a sentence of the post: where words at the
    edge of the annotated sentence were replaced, similarity alone cannot tell which words of the post they replace.
    """
    tokens, whole, markup = post.tokens, post.form, post.markup

    def value(first: int, last: int) -> float:
        if not (whole.opens[tokens[first].start] and whole.closes[tokens[last].end - 1]):
            return -1.0  # inside a character, such as a fraction, whose form has several tokens
        if not markup.allows(first, last):
            return -1.0
        edges = tokens[first].opens + tokens[last].closes
        return Levenshtein.normalized_similarity(form, post.cut(first, last)) + SENTENCE_EDGE_BONUS * edges

    moved = None
    while moved != (first, last):
        moved = (first, last)
        starts = range(max(0, first - REACH), min(last, first + REACH) + 1)
        first = max(starts, key=lambda start: value(start, last))
        ends = range(max(first, last - REACH), min(len(tokens) - 1, last + REACH) + 1)
        last = max(ends, key=lambda end: value(first, end))
    if value(first, last) < 0:
        return _Fit(0.0, first, last)
    first, last = markup.balanced(first, last)
    return _Fit(Levenshtein.normalized_similarity(form, post.cut(first, last)), first, last)
