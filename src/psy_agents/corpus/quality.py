"""Figures on a prepared corpus: labels, clusters, lengths in tokens, windows and evidence.

`psy_agents.corpus.quality_figures` defines what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from psy_agents.corpus.config import SPLITS, CorpusSettings
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.origins import POSITIVE
from psy_agents.corpus.prepare import check_account
from psy_agents.corpus.quality_figures import (
    Account,
    ClusterFigures,
    CriterionFigures,
    DataQuality,
    EvidenceFigures,
    GroupFigures,
    LengthFigures,
    SplitFigures,
    WindowFigures,
)
from psy_agents.corpus.splitting.splits import coverage

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
BINS = 40


@dataclass(frozen=True)
class Windowing:
    """How an agent cuts posts into windows.

    Attributes:
        encoder: its name, for the report.
        max_length: tokens of a window.
        longest_criterion: tokens of a window that the longest criterion and the special tokens take; fewer than
            ``max_length``.
        overlap: share of the rest that the next window repeats, below 1.
        token_ends: for each text the (tokens) character offsets behind its tokens, ascending, special tokens apart.
    """

    encoder: str
    max_length: int
    longest_criterion: int
    overlap: float
    token_ends: Callable[[Sequence[str]], Iterable[np.ndarray]]

    @property
    def room(self) -> int:
        """Tokens of the post in a window that also holds the longest criterion."""
        return self.max_length - self.longest_criterion

    @property
    def repeated(self) -> int:
        """Tokens of the room that the next window repeats."""
        return int(self.overlap * self.room)


def describe_quality(account: Mapping[str, Any], corpus: Corpus, settings: CorpusSettings, windowing: Windowing) -> DataQuality:
    """Compute the figures on a corpus, and check that they add up.

    Args:
        account: what preprocessing did with the rows, from `prepare_corpus`.
        settings: the settings of that preprocessing.

    Raises:
        RuntimeError: a count does not add up: the tables are of different runs, or this is a bug.
    """
    posts, pairs, splits = corpus.posts, corpus.pairs, corpus.splits
    clusters = splits.set_index("post_id")["cluster"].reindex(posts["post_id"]).to_numpy()
    covered = coverage(posts, pairs, splits, clusters)
    nothing = {
        "pairs": dict.fromkeys(SPLITS, 0),
        "positives": dict.fromkeys(SPLITS, 0),
        "clusters_with_a_positive": 0,
        "absent_because": dict.fromkeys(SPLITS, "all its pairs are set aside"),
    }
    by_criterion = {
        criterion: CriterionFigures(**covered["criteria"].get(criterion, nothing)) for criterion in corpus.criteria
    }
    tokens, first_window = _tokenised(posts["text"].tolist(), windowing)
    report = DataQuality(
        settings=settings,
        account=Account.model_validate(account),
        splits={
            name: SplitFigures(
                **counts,
                pairs=sum(figures.pairs[name] for figures in by_criterion.values()),
                positives=sum(figures.positives[name] for figures in by_criterion.values()),
            )
            for name, counts in covered["splits"].items()
        },
        criteria=by_criterion,
        clusters=_clusters(clusters),
        groups=_groups(posts["group"]) if "group" in posts else None,
        lengths=_lengths(tokens),
        windows=_windows(tokens, windowing),
        evidence=_evidence(posts["post_id"], pairs[pairs["label"] == 1], first_window),
    )
    check_sums(report, len(posts), len(pairs))
    return report


def check_sums(report: DataQuality, posts: int, pairs: int) -> None:
    """Check that every post and every pair is in one split, one bin and one line of each table.

    Args:
        posts, pairs: rows of the tables.

    Raises:
        RuntimeError: a count does not add up.
    """
    account, splits, criteria = report.account, report.splits.values(), report.criteria.values()
    check_account(
        account.model_dump(), account.posts.rows_in, account.annotations.rows_in, posts, len(report.criteria)
    )
    positives = account.pairs.origins[POSITIVE]
    windows = report.windows.windows_a_post
    sums = {
        "posts used": (account.posts.used, posts),
        "posts of the splits": (sum(split.posts for split in splits), posts),
        "clusters of the splits": (sum(split.clusters for split in splits), report.clusters.clusters),
        "pairs used": (account.pairs.used, pairs),
        "pairs of the splits": (sum(split.pairs for split in splits), pairs),
        "pairs of the criteria": (sum(sum(each.pairs.values()) for each in criteria), pairs),
        "positives of the splits": (sum(split.positives for split in splits), positives),
        "positives of the criteria": (sum(sum(each.positives.values()) for each in criteria), positives),
        "posts by length": (sum(report.lengths.posts_in_bin), posts),
        "posts by windows": (sum(windows.values()), posts),
        "posts of several windows": (posts - windows.get(1, 0), report.windows.posts_of_several),
        "positives by spans": (sum(report.evidence.spans_a_pair.values()), positives),
        "positives with a span": (positives - report.evidence.spans_a_pair.get(0, 0), report.evidence.placed),
    }
    wrong = {name: counts for name, counts in sums.items() if counts[0] != counts[1]}
    if wrong:
        raise RuntimeError(f"The data-quality report does not add up: {wrong}.")


def _tokenised(texts: Sequence[str], windowing: Windowing) -> tuple[np.ndarray, np.ndarray]:
    """(posts) tokens of each post, and the character offset at which its first window ends."""
    tokens = np.zeros(len(texts), dtype=np.int64)
    first_window = np.zeros(len(texts), dtype=np.int64)
    for number, (text, ends) in enumerate(zip(texts, windowing.token_ends(texts), strict=True)):
        tokens[number] = len(ends)
        first_window[number] = ends[windowing.room - 1] if len(ends) > windowing.room else len(text)
    return tokens, first_window


def _clusters(clusters: np.ndarray) -> ClusterFigures:
    sizes = np.unique(clusters, return_counts=True)[1]
    several = sizes[sizes > 1]
    return ClusterFigures(
        clusters=len(sizes), of_several_posts=len(several), posts_in_them=several.sum(), largest=sizes.max()
    )


def _groups(group: pd.Series) -> GroupFigures:
    sizes = group[group != ""].value_counts()
    return GroupFigures(
        groups=len(sizes), of_several_posts=(sizes > 1).sum(), largest=sizes.max() if len(sizes) else 0, without=(group == "").sum()
    )


def _lengths(tokens: np.ndarray) -> LengthFigures:
    steps = (0.0, *QUANTILES, 1.0)
    quantiles = np.quantile(tokens, steps, method="inverted_cdf")
    edges = np.unique(np.geomspace(max(tokens.min(), 1), tokens.max() + 1, BINS + 1).round().astype(np.int64))
    if tokens.min() == 0:
        edges = np.append(0, edges)
    bins = np.searchsorted(edges, tokens, side="right") - 1
    return LengthFigures(
        tokens=tokens.sum(),
        mean=tokens.mean(),
        quantiles={f"{step:.0%}": int(value) for step, value in zip(steps, quantiles, strict=True)},
        edges=edges.tolist(),
        posts_in_bin=np.bincount(bins, minlength=len(edges) - 1).tolist(),
    )


def _windows(tokens: np.ndarray, windowing: Windowing) -> WindowFigures:
    beyond = np.maximum(tokens - windowing.room, 0)
    further = -(-beyond // (windowing.room - windowing.repeated))
    counts = dict(zip(*np.unique(1 + further, return_counts=True), strict=True))
    return WindowFigures(
        encoder=windowing.encoder,
        max_length=windowing.max_length,
        longest_criterion=windowing.longest_criterion,
        room=windowing.room,
        overlap=windowing.repeated,
        windows_a_post=counts,
        posts_of_several=np.count_nonzero(beyond),
        share_of_posts_of_several=np.count_nonzero(beyond) / len(tokens),
        tokens_beyond_the_first=beyond.sum(),
        share_of_tokens_beyond=beyond.sum() / tokens.sum() if tokens.any() else None,
    )


def _evidence(post_ids: pd.Series, positive: pd.DataFrame, first_window: np.ndarray) -> EvidenceFigures:
    spans = positive["starts"].map(len).to_numpy(dtype=np.int64)
    placed = positive[spans > 0]
    ends = first_window[pd.Index(post_ids).get_indexer(placed["post_id"])]
    # Spans are sorted: if the first one starts after the window, all do.
    beyond = np.count_nonzero(np.array([starts[0] for starts in placed["starts"]], dtype=np.int64) >= ends)
    return EvidenceFigures(
        positive_pairs=len(positive),
        spans_a_pair=dict(zip(*np.unique(spans, return_counts=True), strict=True)),
        placed=len(placed),
        beyond_the_first_window=beyond,
        share_beyond=beyond / len(placed) if len(placed) else None,
    )
