"""Finds annotated sentences in their posts: verbatim, after normalisation, in several stretches, or by similarity.

Alignment prefers precision to recall: a wrong place teaches a model wrong evidence, while a missing one is counted and can be
fixed in the data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from psy_agents.corpus.alignment.fuzzy import similar_places
from psy_agents.corpus.alignment.normalisation import normalise, trim
from psy_agents.corpus.alignment.post import Post, occurrences
from psy_agents.corpus.alignment.stretches import Stretch, is_one_place, joined_stretches
from psy_agents.corpus.alignment.tokens import without_edges
from psy_agents.errors import UserError

STAGES = ("given", "exact", "normalised", "joined", "fuzzy", "not_found", "blank")


@dataclass(frozen=True)
class Alignment:
    """The result of `align`.

    Attributes:
        stage: (sentences) one of STAGES: the first stage that found the sentence, or why none did; given: see `given`.
        score: (sentences) 1.0 for given, exact, normalised and joined, the similarity for fuzzy, nan otherwise.
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
    - normalised: the post's form contains the sentence's form, see `normalisation`; a place covers whole characters. If it does
      not, punctuation at the two ends of the sentence does not count.
    - joined: the sentence is made of several stretches of the post, each a place of its own, see `joined_stretches`.
    - fuzzy: one place is similar enough to the sentence, see `similar_places`.

    The first three return every place; inside a longer word only if a sentence, with its punctuation, occurs nowhere else.

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
        target = Post(texts[index])
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


def _find(post: Post, sentence: str, fuzzy_threshold: float | None) -> _Found:
    """The result of the first stage that finds the trimmed sentence; the places are checked against the post's text."""
    if not sentence:
        return _Found("blank", math.nan, [])
    spans = occurrences(post.text, sentence, lambda start, end: True)
    if spans:
        _check("exact", all(post.text[start:end] == sentence for start, end in spans))
        return _Found("exact", 1.0, spans)

    form = normalise(sentence).text
    core = without_edges(form)
    for wanted, spans in ((form, post.places_of(form)), (core, post.places_of_words(core) if core else [])):
        if spans:
            _check("normalised", all(_form_at(post, span) == wanted for span in spans))
            return _Found("normalised", 1.0, spans)

    stretches = joined_stretches(post, sentence)
    if stretches and not is_one_place(post, stretches):
        return _joined(post, stretches)
    spans = [] if fuzzy_threshold is None else similar_places(post, form, fuzzy_threshold)
    if spans:
        score = min(Levenshtein.normalized_similarity(form, _form_at(post, span)) for span in spans)
        _check("fuzzy", score >= fuzzy_threshold)
        return _Found("fuzzy", score, spans)
    return _joined(post, stretches) if stretches else _Found("not_found", math.nan, [])


def _joined(post: Post, stretches: list[Stretch]) -> _Found:
    """Every place of every stretch."""
    spans = set()
    for stretch in stretches:
        places = [post.form.span(*place) for place in stretch.places]
        _check("joined", bool(places) and all(_form_at(post, span) == stretch.form for span in places))
        spans.update(places)
    return _Found("joined", 1.0, sorted(spans))


def _form_at(post: Post, span: tuple[int, int]) -> str:
    return normalise(post.text[slice(*span)]).text


def _check(stage: str, holds: bool) -> None:
    if not holds:
        raise RuntimeError(f"Alignment: the {stage} stage gave a place that does not hold its sentence.")
