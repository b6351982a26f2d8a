"""The arrays of a predictions table that metrics need, and sums of them by post."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from psy_agents.evaluation.evidence import EvidenceScorer
from psy_agents.evaluation.predictions import offsets_of
from psy_agents.evaluation.spans import Offsets


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """The columns of `psy_agents.evaluation.predictions.SCORED_SCHEMA` that metrics need, as arrays.

    Attributes:
        post: (pairs,) the post's index, in the order of first rows.
        units: (posts,) the resampling unit of each post, numbered from 0: posts of one unit, such as an author's, are not independent.
        criterion: (pairs,) the criterion's index.
        texts: each pair's post.
        labels, predicted: (pairs,) bool.
        probabilities: (pairs,) None for a model that predicts only spans.
        uncalibrated: (pairs,) the probabilities before calibration; None for baselines and models that predict only spans.
        pooled: (pairs,) the decisions with the pooled threshold for all criteria; None in the same cases.
        gold: each pair's annotated evidence.
        known: (pairs,) False if the position of the annotated evidence is unknown.
        spans: each pair's predicted evidence; None for a model that predicts only criteria.
    """

    post: np.ndarray
    n_posts: int
    units: np.ndarray
    criterion: np.ndarray
    n_criteria: int
    texts: list[str]
    labels: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray | None
    uncalibrated: np.ndarray | None
    pooled: np.ndarray | None
    gold: list[list[Offsets]]
    known: np.ndarray
    spans: list[list[Offsets]] | None

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, texts: Mapping[str, str], criteria: Sequence[str], units: Mapping[str, Hashable] | None = None
    ) -> ScoredPairs:
        """Read a predictions table.

        Args:
            units: the resampling unit of each post, by post_id; None: each post is one.

        Raises:
            ValueError: the table is empty, holds a post without text or unit or an unknown criterion, or has probabilities or spans
                for some pairs only.
        """
        if table.empty:
            raise ValueError("The predictions table has no pairs.")
        post, posts = pd.factorize(table["post_id"])
        if missing := sum(post_id not in texts for post_id in posts):
            raise ValueError(f"{missing} posts of the predictions table have no text.")
        if units is not None and (missing := sum(post_id not in units for post_id in posts)):
            raise ValueError(f"{missing} posts of the predictions table have no resampling unit.")
        criterion = pd.Index(list(criteria)).get_indexer(table["criterion"])
        if (criterion < 0).any():
            raise ValueError(f"The predictions table names other criteria than {', '.join(criteria)}.")
        probabilities = _float_column(table, "probability")
        pooled_threshold = _float_column(table, "pooled_threshold")
        return cls(
            post=post,
            n_posts=len(posts),
            units=np.arange(len(posts)) if units is None else pd.factorize(pd.Series([units[post_id] for post_id in posts]))[0],
            criterion=criterion,
            n_criteria=len(criteria),
            texts=[texts[post_id] for post_id in table["post_id"]],
            labels=table["label"].to_numpy(dtype=bool),
            predicted=table["predicted"].to_numpy(dtype=bool),
            probabilities=probabilities,
            uncalibrated=_float_column(table, "uncalibrated"),
            pooled=None if pooled_threshold is None else probabilities >= pooled_threshold,
            gold=offsets_of(table["gold_spans"]),
            known=table["evidence_known"].to_numpy(dtype=bool),
            spans=offsets_of(table["spans"]) if _has_values(table, "spans") else None,
        )

    @property
    def derived(self) -> bool:
        """Whether decisions are derived from spans: the model predicts only spans, and a criterion with a span counts as met."""
        return self.probabilities is None and self.spans is not None

    def evidence_scorer(self) -> EvidenceScorer:
        """A scorer of spans against the evidence of these pairs."""
        return EvidenceScorer(self.texts, self.gold, self.known)

    def decision_counts(self, predicted: np.ndarray | None = None) -> np.ndarray:
        """(4, posts, criteria) the `Counts` of each post and criterion; ``predicted``: decisions other than those of the table."""
        predicted = self.predicted if predicted is None else predicted
        cell = self.post * self.n_criteria + self.criterion
        masks = (self.labels & predicted, predicted, self.labels, np.ones(len(self.labels), dtype=bool))
        size = self.n_posts * self.n_criteria
        counts = [np.bincount(cell[mask], minlength=size) for mask in masks]
        return np.reshape(counts, (len(masks), self.n_posts, self.n_criteria)).astype(np.float64)

    def sum_by_post(self, values: np.ndarray) -> np.ndarray:
        """(posts, k) sums of (pairs, k) values."""
        k = values.shape[1]
        cell = self.post[:, None] * k + np.arange(k)
        return np.bincount(cell.ravel(), values.ravel(), minlength=self.n_posts * k).reshape(self.n_posts, k)


def _float_column(table: pd.DataFrame, column: str) -> np.ndarray | None:
    return table[column].to_numpy(dtype=np.float64) if _has_values(table, column) else None


def _has_values(table: pd.DataFrame, column: str) -> bool:
    missing = table[column].isna()
    if missing.any() and not missing.all():
        raise ValueError(f"The predictions table has {column} of some pairs only.")
    return not missing.any()
