"""One agent's predictions and the annotations, post by post, as an HTML page that loads nothing.

The page holds no text of posts unless the configuration requests it: see `psy_agents.reporting.evidence_page.redaction`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from psy_agents.corpus.agreement import Agreement
from psy_agents.corpus.fingerprint import hashed_id
from psy_agents.evaluation.scored_pairs import ScoredPairs
from psy_agents.evaluation.spans import word_spans
from psy_agents.reporting.config import EvidencePageConfig
from psy_agents.reporting.evidence_page.made_page import EvidencePage
from psy_agents.reporting.evidence_page.outcomes import OutcomeCounts, count_outcomes
from psy_agents.reporting.evidence_page.redaction import WORDS_A_BLOCK, block_flags, character_flags, n_blocks, runs
from psy_agents.reporting.templating import render


@dataclass(frozen=True)
class OutcomeFilter:
    """A filter of the page: the pairs with one outcome.

    Attributes:
        shown_first: whether the filter is on when the page opens.
        spans_only: whether only an agent that predicts spans has such pairs.
    """

    name: str
    title: str
    sign: str
    shown_first: bool = True
    spans_only: bool = False


OUTCOMES = (
    OutcomeFilter("right", "Right", "✓"),
    OutcomeFilter("missed", "Missed", "○"),
    OutcomeFilter("wrong", "Wrong", "✕"),
    OutcomeFilter("neither", "Neither", "–", shown_first=False),
    OutcomeFilter("unknown", "Place not known", "?", spans_only=True),
)
"""The page's script relies on this order."""


@dataclass(frozen=True)
class EvidenceView:
    """Variables of the template.

    Attributes:
        spans: whether the agent predicts spans.
        derived: whether a predicted span decides that a criterion is met.
        data: outcomes, criteria and posts, as the page's script reads them.
    """

    agent: str
    title: str
    criteria: Mapping[str, str]
    outcomes: Sequence[OutcomeFilter]
    shown_posts: int
    test_posts: int
    by_mistakes: bool
    reveals_text: bool
    agreement: Agreement | None
    spans: bool
    derived: bool
    data: Mapping[str, Any]
    words_a_bar: int = WORDS_A_BLOCK


def evidence_page(
    agent: str,
    table: pd.DataFrame,
    texts: Mapping[str, str],
    criteria: Mapping[str, str],
    salt: str,
    config: EvidencePageConfig,
) -> EvidencePage:
    """Render the page of one agent.

    Args:
        table: the agent's predictions, see `psy_agents.evaluation.predictions.SCORED_SCHEMA`.
        texts: post id -> text.
        criteria: criterion id -> wording.
        salt: salt of the hashed post ids.
    """
    pairs = ScoredPairs.from_table(table, texts, list(criteria))
    outcomes, spans = count_outcomes(pairs), pairs.spans is not None
    scores = [[] if spans is None else [round(span["score"], 2) for span in spans] for spans in table["spans"]]
    ids = [hashed_id(post_id, salt) for post_id in pd.unique(table["post_id"])]
    order = _post_order(ids, pairs, outcomes, config)
    posts = [_post_data(number, ids, pairs, outcomes, scores, reveal=config.reveal_text) for number in order]
    kinds = [outcome for outcome in OUTCOMES if spans or not outcome.spans_only]
    view = EvidenceView(
        agent=agent,
        title=f"Evidence: {agent}{f' on {config.corpus}' if config.corpus else ''}",
        criteria=criteria,
        outcomes=kinds,
        shown_posts=len(posts),
        test_posts=pairs.n_posts,
        by_mistakes=config.order == "mistakes",
        reveals_text=config.reveal_text,
        agreement=config.agreement,
        spans=spans,
        derived=pairs.derived,
        data={
            "outcomes": [each.name for each in kinds], "criteria": list(criteria), "wordings": list(criteria.values()), "spans": spans,
            "posts": posts,
        },
    )
    return EvidencePage(render("psy_agents.reporting", "evidence_page.html", view=view), config.reveal_text)


def _post_order(ids: Sequence[str], pairs: ScoredPairs, outcomes: OutcomeCounts, config: EvidencePageConfig) -> list[int]:
    """Numbers of the posts in the page's order. The order of the corpus is never used: it could identify posts."""
    mistakes = np.bincount(pairs.post, weights=outcomes.mistakes, minlength=pairs.n_posts)
    by_mistakes = config.order == "mistakes"
    order = sorted(range(pairs.n_posts), key=lambda number: (-mistakes[number] if by_mistakes else 0, ids[number]))
    return order[: config.max_posts]


def _post_data(
    number: int, ids: Sequence[str], pairs: ScoredPairs, outcomes: OutcomeCounts, scores: Sequence[Sequence[float]], *, reveal: bool
) -> dict[str, Any]:
    """A post as the page's script reads it: ``n`` blocks, or its ``text``, and its pairs without zeros and empty lists.

    Each pair holds ``c`` criterion, ``o`` outcome counts, ``u`` place unknown, ``l`` label, ``d`` decision,
    ``p`` probability, ``s`` scores of spans, ``m`` marks (start, end, kind).
    """
    members = np.flatnonzero(pairs.post == number).tolist()
    text = pairs.texts[members[0]]
    words = word_spans(text)
    post = {"id": ids[number], **({"text": text} if reveal else {"n": n_blocks(len(words))}), "pairs": []}
    for i in members:
        predicted_spans = [] if pairs.spans is None else pairs.spans[i]
        gold, predicted = (
            character_flags(len(text), spans) if reveal else block_flags(words, spans) for spans in (pairs.gold[i], predicted_spans)
        )
        counts = [int(each[i]) for each in (outcomes.right, outcomes.missed, outcomes.wrong)]
        pair = {
            "o": counts if any(counts) else None,
            "u": int(outcomes.unknown[i]),
            "l": int(pairs.labels[i]),
            "d": int(pairs.predicted[i]),
            "p": None if pairs.probabilities is None else round(float(pairs.probabilities[i]), 2),
            "s": scores[i],
            "m": runs(gold + 2 * predicted.astype(np.int64)),
        }
        filled = {key: value for key, value in pair.items() if value or key == "p" and value is not None}
        post["pairs"].append({"c": int(pairs.criterion[i]), **filled})
    return post
