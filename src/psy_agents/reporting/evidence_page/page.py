"""Posts with what an agent predicted beside what is annotated, as one HTML page that loads nothing.

Without a word of the posts, unless their text is asked for: see `psy_agents.reporting.evidence_page.redaction`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from psy_agents.corpus.fingerprint import hashed_id
from psy_agents.evaluation.scored_pairs import ScoredPairs
from psy_agents.evaluation.spans import word_spans
from psy_agents.reporting.config import EvidencePageConfig
from psy_agents.reporting.evidence_page.outcomes import Outcomes, outcomes
from psy_agents.reporting.evidence_page.redaction import WORDS_A_BLOCK, block_flags, character_flags, n_blocks, runs
from psy_agents.reporting.evidence_page.style_and_script import SCRIPT, STYLE
from psy_agents.reporting.html import closed_document

OUTCOMES = {
    "right": ("Right", "✓", True),
    "missed": ("Missed", "○", True),
    "wrong": ("Wrong", "✕", True),
    "neither": ("Neither", "–", False),
    "unknown": ("Place not known", "?", True),
}
"""Outcomes of a pair: title, sign, and whether the page shows them from the start. The script knows them by this order; the
last one is of spans alone."""


@dataclass(frozen=True)
class EvidencePage:
    """A page, and whether there is text of posts in it."""

    html: str
    reveals_text: bool


def evidence_page(
    agent: str,
    table: pd.DataFrame,
    texts: Mapping[str, str],
    criteria: Mapping[str, str],
    salt: str,
    config: EvidencePageConfig,
) -> EvidencePage:
    """The page of one agent.

    Args:
        table: the agent's predictions, see `psy_agents.evaluation.predictions`.
        texts: of each post, by its id.
        criteria: id -> wording.
        salt: for the hashed ids of posts.
    """
    pairs = ScoredPairs.of_table(table, texts, list(criteria))
    judged, spans = outcomes(pairs), pairs.spans is not None
    scores = [[] if each is None else [round(float(score), 2) for score in each] for each in table["scores"]]
    ids = [hashed_id(post_id, salt) for post_id in pd.unique(table["post_id"])]
    posts = [_post(number, ids, pairs, judged, scores, reveal=config.reveal_text) for number in _chosen(ids, pairs, judged, config)]
    shown = {name: each for name, each in OUTCOMES.items() if spans or name != "unknown"}
    data = {"outcomes": list(shown), "criteria": list(criteria), "spans": spans, "posts": posts}
    body = [
        '<a class="skip" href="#posts">Skip to the posts</a>',
        "<header>",
        f"<h1>Evidence: {escape(agent)}</h1>",
        f'<p class="headline">{_headline(len(posts), pairs.n_posts, config)}</p>',
        _notes(config),
        _reading(criteria, spans=spans, derived=pairs.derived, reveal=config.reveal_text),
        "</header>",
        "<main>",
        _filters(criteria, shown),
        '<section aria-labelledby="posts">\n<h2 id="posts" tabindex="-1">Posts</h2>\n<p id="status" role="status"></p>\n'
        '<div id="list"></div>\n<button type="button" id="more" hidden></button>\n</section>',
        "</main>",
        "<noscript><p>The posts are shown by a script that this page holds itself: let it run.</p></noscript>",
        f'<script type="application/json" id="data">{_json(data)}</script>',
    ]
    return EvidencePage(closed_document(f"Evidence: {agent}", body, STYLE, SCRIPT), config.reveal_text)


def _chosen(ids: Sequence[str], pairs: ScoredPairs, judged: Outcomes, config: EvidencePageConfig) -> list[int]:
    """Numbers of the posts, in the order in which the page shows them, never that of the corpus."""
    mistakes = np.bincount(pairs.post, weights=judged.mistakes, minlength=pairs.n_posts)
    by_mistakes = config.order == "mistakes"
    order = sorted(range(pairs.n_posts), key=lambda number: (-mistakes[number] if by_mistakes else 0, ids[number]))
    return order[: config.max_posts]


def _post(
    number: int, ids: Sequence[str], pairs: ScoredPairs, judged: Outcomes, scores: Sequence[Sequence[float]], *, reveal: bool
) -> dict[str, Any]:
    """A post as the script reads it: ``n`` units, or its ``text``, and its pairs; what is zero or empty is left out."""
    members = np.flatnonzero(pairs.post == number).tolist()
    text = pairs.texts[members[0]]
    words = word_spans(text)
    post = {"id": ids[number], **({"text": text} if reveal else {"n": n_blocks(len(words))}), "pairs": []}
    for i in members:
        found = [] if pairs.spans is None else pairs.spans[i]
        gold, predicted = (
            character_flags(len(text), spans) if reveal else block_flags(words, spans) for spans in (pairs.gold[i], found)
        )
        counts = [int(each[i]) for each in (judged.right, judged.missed, judged.wrong)]
        pair = {
            "o": counts if any(counts) else None,
            "u": int(judged.unknown[i]),
            "l": int(pairs.labels[i]),
            "d": int(pairs.predicted[i]),
            "p": None if pairs.probabilities is None else round(float(pairs.probabilities[i]), 2),
            "s": scores[i],
            "m": runs(gold + 2 * predicted.astype(np.int64)),
        }
        filled = {key: value for key, value in pair.items() if value or key == "p" and value is not None}
        post["pairs"].append({"c": int(pairs.criterion[i]), **filled})
    return post


def _headline(n_shown: int, n_posts: int, config: EvidencePageConfig) -> str:
    first = "those with most missed and wrong first" if config.order == "mistakes" else "by their hashed ids"
    if n_shown == n_posts:
        return f"All {n_posts:,} posts of the test split, {first}."
    left_out = "the posts here look worse than all do" if config.order == "mistakes" else "the posts here are as good as drawn at random"
    return f"{n_shown:,} of {n_posts:,} posts of the test split, {first}: {left_out}."


def _notes(config: EvidencePageConfig) -> str:
    agreement = config.agreement
    if config.reveal_text:
        items = [
            "<strong>This page holds the text of posts.</strong> Leave it in this folder, which git ignores: do not send it, upload "
            "it or take pictures of it, and delete it when you are done."
        ]
    else:
        items = [
            f"This page holds no text of a post: each bar stands for up to {WORDS_A_BLOCK} words. Whoever has the posts can still "
            "tell from the number of bars and the criteria which post is which."
        ]
    if agreement is not None:
        bound = "whoever sees this page must have signed it" if config.reveal_text else "see there whether this page may be passed on"
        items.append(f"The corpus is under an agreement, {escape(agreement.name)} ({escape(agreement.url)}): {bound}.")
    items.append("These models are instruments of research. They are not a diagnostic device.")
    listed = "".join(f"<li>{item}</li>" for item in items)
    return f'<section class="notes" aria-labelledby="notes">\n<h2 id="notes">To know first</h2>\n<ul>{listed}</ul>\n</section>'


def _reading(criteria: Mapping[str, str], *, spans: bool, derived: bool, reveal: bool) -> str:
    sample = "words" if reveal else '<span class="bar"></span><span class="bar"></span>'
    names = ("annotated", "predicted", "both") if spans else ("annotated",)
    marks = " ".join(f'<mark class="{name}"><span class="tag">{name}</span>{sample}</mark>' for name in names)
    if spans:
        told = (
            "Right: a predicted span that shares a word with an annotated one. Missed: an annotated span that shares no word with a "
            "predicted one. Wrong: a predicted span that shares no word with an annotated one. A pair of post and criterion can have "
            "all three; neither is a pair without a span. Place not known: the evidence is annotated, but its place, or part of it, was "
            "not found in the post; such a pair is not judged."
        )
    else:
        told = (
            "This agent predicts whether a criterion is met, and no spans. Right: met and predicted. Missed: met and not predicted. "
            "Wrong: predicted and not met. Marked is what is annotated."
        )
    if derived:
        told += " This agent predicts spans alone: a criterion with a span counts as met."
    wordings = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in criteria.items())
    return (
        f'<section class="reading" aria-labelledby="reading">\n<h2 id="reading">How to read this</h2>\n<p class="legend">{marks}</p>\n'
        f"<p>{told}</p>\n<details><summary>The criteria in words</summary><dl>{wordings}</dl></details>\n</section>"
    )


def _filters(criteria: Mapping[str, str], shown: Mapping[str, tuple[str, str, bool]]) -> str:
    boxes = "".join(
        f'<label><input type="checkbox" name="{name}"{" checked" if ticked else ""}><span aria-hidden="true">{sign}</span> {title} '
        f'<span class="count" id="count-{name}"></span></label>'
        for name, (title, sign, ticked) in shown.items()
    )
    options = "".join(f'<option value="{number}">{escape(name)}</option>' for number, name in enumerate(criteria))
    return (
        '<form id="filters" autocomplete="off" aria-label="Filters">\n'
        f"<fieldset><legend>Show pairs with</legend>{boxes}</fieldset>\n"
        f'<label class="criterion">Criterion <select id="criterion"><option value="">All criteria</option>{options}</select></label>\n'
        '<fieldset class="keys"><legend>Keys</legend><label><input type="checkbox" id="keys" checked> Single keys work</label>'
        f"<p><kbd>j</kbd> next post, <kbd>k</kbd> the one before, <kbd>1</kbd> to <kbd>{len(shown)}</kbd> outcomes, "
        "<kbd>c</kbd> criterion</p>"
        "</fieldset>\n</form>"
    )


def _json(data: Any) -> str:
    """JSON that may stand in a page's script: no post can end it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
