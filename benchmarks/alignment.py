"""Recall, precision and speed of `align` on damaged sentences.

    python benchmarks/alignment.py FOLDER [--sentences 1000] [--seed 0]

FOLDER holds posts.csv and annotations.csv. The benchmark takes sentences with status 1 that occur exactly once in their
post, damages them in known ways and aligns them. Kind (f) are sentences of other posts, which do not occur in the post:
each match is wrong. Kinds (g) and (h) are joined with another sentence of the post, as annotators do in one cell; both have to be
found, and not what lies between them.

A threshold only removes matches of a lower score, so each kind is aligned once, at the lowest threshold.

    recall       sentences all of whose true places are found: one shares at least 0.8 of the characters of its union with each
    right        places that do so, of all places: the precision
    exact        places with both offsets right, of all places
    wrong        places that are not right
    foreign      placed sentences with more than 0.2 of their places' characters outside the true ones
    ms           milliseconds a sentence, at the lowest threshold
"""

from __future__ import annotations

import argparse
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from psy_agents.corpus.alignment.align import STAGES, Alignment, align
from psy_agents.corpus.alignment.normalisation import trim

THRESHOLDS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
RIGHT_OVERLAP = 0.8
FOREIGN_SHARE = 0.2
JOINTS = (" ", " ", "\n", " ... ", " [...] ", "; ", " / ")
SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
Span = tuple[int, int]
SHOWN = [stage for stage in STAGES if stage != "blank"]
LETTERS = list("abcdefghijklmnopqrstuvwxyz")
FULL_WIDTH = str.maketrans({code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1)})
TYPINGS: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.title,
    lambda sentence: sentence.translate(str.maketrans("'’\"“”", "’‘„\"«")),
    lambda sentence: sentence.translate(str.maketrans("-–—", "—-‑")),
    lambda sentence: sentence.replace("...", "…").replace("fi", "ﬁ"),
    lambda sentence: sentence.replace(" ", "\u00a0\n "),
    lambda sentence: "\ufeff" + sentence.replace(" ", " \u200b").replace("e", "e\u00ad"),
    lambda sentence: unicodedata.normalize("NFD", sentence),
    lambda sentence: sentence.translate(FULL_WIDTH),
)


def typed_otherwise(sentence: str, rng: np.random.Generator, vocabulary: np.ndarray) -> str:
    for number in rng.choice(len(TYPINGS), size=3, replace=False):
        sentence = TYPINGS[number](sentence)
    return sentence


def words_replaced(sentence: str, rng: np.random.Generator, vocabulary: np.ndarray) -> str:
    """20 % of the words are other words of the corpus."""
    words = sentence.split()
    for number in rng.choice(len(words), size=round(0.2 * len(words)), replace=False):
        words[number] = rng.choice(vocabulary)
    return " ".join(words)


def words_replaced_and_typed_otherwise(sentence: str, rng: np.random.Generator, vocabulary: np.ndarray) -> str:
    return typed_otherwise(words_replaced(sentence, rng, vocabulary), rng, vocabulary)


def typos(sentence: str, rng: np.random.Generator, vocabulary: np.ndarray) -> str:
    """10 % of the characters are left out, doubled or another letter."""
    typed = []
    for character in sentence:
        choices = ("", 2 * character, str(rng.choice(LETTERS)))
        typed.append(choices[rng.integers(3)] if rng.random() < 0.1 else character)
    return "".join(typed)


DAMAGES: dict[str, Callable[[str, np.random.Generator, np.ndarray], str]] = {
    "(a) none": lambda sentence, rng, vocabulary: sentence,
    "(b) typing": typed_otherwise,
    "(c) words": words_replaced,
    "(d) b and c": words_replaced_and_typed_otherwise,
    "(e) typos": typos,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)

    posts = pd.read_csv(arguments.folder / "posts.csv", dtype=str, keep_default_na=False)
    rows = pd.read_csv(arguments.folder / "annotations.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["status"] == "1"]
    texts = posts["text"].tolist()
    vocabulary = np.array(sorted({word for text in texts for word in text.split()}), dtype=object)
    post = pd.Index(posts["post_id"]).get_indexer(rows["post_id"])
    sentences = rows["sentence_text"].map(trim).to_numpy(dtype=object)
    once = [bool(sentence) and texts[i].count(sentence) == 1 for i, sentence in zip(post, sentences, strict=True)]
    chosen = rng.permutation(np.flatnonzero(once))[: arguments.sentences]
    post, sentences = post[chosen], sentences[chosen]
    starts = [texts[i].index(sentence) for i, sentence in zip(post, sentences, strict=True)]
    true = [[(start, start + len(sentence))] for start, sentence in zip(starts, sentences, strict=True)]

    print(f"{len(chosen)} sentences of {len(np.unique(post))} posts, seed {arguments.seed}")
    print(f"{'kind':12} threshold {' '.join(f'{stage:>10}' for stage in SHOWN)} recall  right  exact wrong foreign    ms")
    for kind, damage in DAMAGES.items():
        damaged = [damage(sentence, rng, vocabulary) for sentence in sentences]
        found, milliseconds = timed(texts, post, damaged)
        show(kind, found, true, milliseconds)

    other = np.array([rng.choice(np.flatnonzero(post != i)) for i in post])
    absent = align(texts, post, sentences[other], None).stage == "not_found"
    found, milliseconds = timed(texts, post[absent], sentences[other[absent]])
    show("(f) absent", found, [[]] * int(absent.sum()), milliseconds)

    pairs = [joined(texts[i], spans[0], rng) for i, spans in zip(post, true, strict=True)]
    post, pairs = post[[pair is not None for pair in pairs]], [pair for pair in pairs if pair is not None]
    for kind, damage in (("(g) joined", DAMAGES["(a) none"]), ("(h) g and c", words_replaced), ("(i) g and e", typos)):
        parts = [[damage(texts[i][slice(*span)], rng, vocabulary) for span in pair] for i, pair in zip(post, pairs, strict=True)]
        found, milliseconds = timed(texts, post, [str(rng.choice(JOINTS)).join(part) for part in parts])
        show(kind, found, pairs, milliseconds)


def joined(text: str, span: Span, rng: np.random.Generator) -> list[Span] | None:
    """The sentence with another one of the post that stands there once, not next to it; None where there is none."""
    found = [match.span() for match in SENTENCE.finditer(text)]
    trimmed = [(stop - len(text[start:stop].lstrip()), stop) for start, stop in found]
    others = [
        other
        for other in trimmed
        if (other[1] + 3 < span[0] or span[1] + 3 < other[0])
        and len(text[slice(*other)].split()) >= 3
        and text.count(text[slice(*other)]) == 1
    ]
    return sorted([span, others[rng.integers(len(others))]]) if others else None


def timed(texts: list[str], post: np.ndarray, sentences: list[str] | np.ndarray) -> tuple[Alignment, float]:
    """The alignment at the lowest threshold, and milliseconds a sentence."""
    begin = time.perf_counter()
    found = align(texts, post, sentences, min(THRESHOLDS))
    return found, 1000 * (time.perf_counter() - begin) / len(sentences)


def show(kind: str, found: Alignment, true: list[list[Span]], milliseconds: float) -> None:
    """A line for each threshold; ``true`` holds the places of each sentence."""
    places = list(zip(found.sentence.tolist(), found.start.tolist(), found.end.tolist(), strict=True))
    right = np.array([any(overlap(place, span) >= RIGHT_OVERLAP for span in true[which]) for which, *place in places], dtype=bool)
    exact = np.array([tuple(place) in true[which] for which, *place in places], dtype=bool)
    whole, foreign = np.zeros(len(true), dtype=bool), np.zeros(len(true), dtype=bool)
    for which, spans in enumerate(true):
        own = [place for number, *place in places if number == which]
        whole[which] = bool(spans) and all(any(overlap(place, span) >= RIGHT_OVERLAP for place in own) for span in spans)
        covered = {at for place in own for at in range(*place)}
        foreign[which] = len(covered - {at for span in spans for at in range(*span)}) > FOREIGN_SHARE * len(covered)
    for threshold in THRESHOLDS:
        kept = found.score >= threshold  # nan, for a sentence that no stage found, is not
        counts = Counter(found.stage[kept])
        counts["not_found"] = int((~kept).sum())
        shown = kept[found.sentence]
        n = max(1, int(shown.sum()))
        print(
            f"{kind:12} {threshold:9.2f} {' '.join(f'{counts[stage]:10d}' for stage in SHOWN)}"
            f" {(kept & whole).mean():6.3f} {(shown & right).sum() / n:6.4f} {(shown & exact).sum() / n:6.3f}"
            f" {(shown & ~right).sum():5d} {(kept & foreign).sum():7d} {milliseconds:5.1f}"
        )


def overlap(place: list[int], span: Span) -> float:
    """Shared characters over those of the union of both."""
    shared = min(place[1], span[1]) - max(place[0], span[0])
    return max(0, shared) / (max(place[1], span[1]) - min(place[0], span[0]))


if __name__ == "__main__":
    main()
