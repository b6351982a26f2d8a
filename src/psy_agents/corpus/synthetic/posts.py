"""Composes one post: which criteria it meets, which sentences say so, and what surrounds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from psy_agents.corpus.synthetic.grammar import pick
from psy_agents.corpus.synthetic.sentences import (
    HardNegative,
    daily_sentence,
    double_evidence,
    evidence,
    hard_negative,
)

CRITERION_RATES = {
    "DEPRESSED_MOOD": 0.33,
    "WORTHLESSNESS": 0.26,
    "SUICIDAL_THOUGHTS": 0.20,
    "FATIGUE": 0.17,
    "ANHEDONIA": 0.16,
    "SLEEP_ISSUES": 0.15,
    "COGNITIVE_ISSUES": 0.11,
    "APPETITE_CHANGE": 0.08,
    "PSYCHOMOTOR": 0.05,
}
"""Share of posts that meet each criterion, skewed in the order of ReDSM5."""

_RATE_SHARES = np.array(list(CRITERION_RATES.values())) / sum(CRITERION_RATES.values())

NO_CRITERION_RATE = 0.25

MEDIAN_SENTENCES, LENGTH_SPREAD, MAX_SENTENCES = 1.4, 1.25, 90
"""Posts' lengths in sentences are log-normal with this median and sigma, cut at the maximum."""

DOUBLE_EVIDENCE_RATE = 0.25
"""How often two of a post's criteria share a sentence."""

PARAGRAPH_RATE = 0.08


@dataclass(frozen=True)
class Mention:
    """What one sentence says of one criterion: evidence, or a hard negative of this kind."""

    criterion: str
    hard_negative: HardNegative | None = None

    @property
    def status(self) -> int:
        return int(self.hard_negative is None)


@dataclass(frozen=True)
class Sentence:
    text: str
    mentions: tuple[Mention, ...] = ()


@dataclass(frozen=True)
class Post:
    """Sentences in reading order and the text that holds each of them verbatim."""

    sentences: tuple[Sentence, ...]
    text: str


def compose_post(rng: np.random.Generator) -> Post:
    """Draw a post."""
    length = min(MAX_SENTENCES, max(1, round(rng.lognormal(np.log(MEDIAN_SENTENCES), LENGTH_SPREAD))))
    sentences = _Distinct()
    criteria = draw_criteria(rng)
    if len(criteria) > 1 and rng.random() < DOUBLE_EVIDENCE_RATE:
        pair = [criteria[i] for i in rng.permutation(len(criteria))[:2]]
        sentences.add(partial(double_evidence, *pair, rng), *(Mention(criterion) for criterion in pair))
    for criterion in criteria:
        for _ in range(1 + rng.poisson(0.2 + 0.05 * length)):
            sentences.add(partial(evidence, criterion, rng), Mention(criterion))
    for _ in range(rng.poisson(1.0 + 0.12 * length)):
        # As skewed as the evidence: else a frequent criterion's vocabulary alone would give it away.
        criterion = str(rng.choice(tuple(CRITERION_RATES), p=_RATE_SHARES))
        kind = pick(tuple(HardNegative), rng)
        sentences.add(partial(hard_negative, criterion, kind, rng), Mention(criterion, kind))
    while len(sentences) < length:
        sentences.add(partial(daily_sentence, rng))
    order = tuple(sentences.shuffled(rng))
    return Post(order, _join([sentence.text for sentence in order], rng))


def draw_criteria(rng: np.random.Generator) -> list[str]:
    """The criteria that a post meets: none at NO_CRITERION_RATE, else some at CRITERION_RATES."""
    if rng.random() < NO_CRITERION_RATE:
        return []
    while True:
        met = [criterion for criterion, chance in _CHANCES.items() if rng.random() < chance]
        if met:
            return met


def _chances_given_some() -> dict[str, float]:
    """Independent chances that, drawn again while none is met, leave each criterion its rate."""
    shares = {criterion: rate / (1 - NO_CRITERION_RATE) for criterion, rate in CRITERION_RATES.items()}
    some = 1.0
    for _ in range(50):  # the fixed point of some = 1 - prod(1 - share * some)
        some = 1 - np.prod([1 - share * some for share in shares.values()])
    return {criterion: share * some for criterion, share in shares.items()}


_CHANCES = _chances_given_some()


class _Distinct:
    """Sentences of a growing post, none inside another, so a sentence has one place in the text."""

    def __init__(self) -> None:
        self._by_text: dict[str, Sentence] = {}

    def __len__(self) -> int:
        return len(self._by_text)

    def add(self, compose: Callable[[], str], *mentions: Mention) -> None:
        text = compose()
        while any(text in other or other in text for other in self._by_text):
            text = compose()
        self._by_text[text] = Sentence(text, mentions)

    def shuffled(self, rng: np.random.Generator) -> list[Sentence]:
        sentences = list(self._by_text.values())
        return [sentences[i] for i in rng.permutation(len(sentences))]


def _join(texts: list[str], rng: np.random.Generator) -> str:
    joined = texts[0]
    for text in texts[1:]:
        joined += ("\n\n" if rng.random() < PARAGRAPH_RATE else " ") + text
    return joined
