"""Cross-validation: search, refit and test apart for each fold.

The search is inside the folds (nested cross-validation: Varma and Simon, "Bias in error estimation when using cross-validation for
model selection", BMC Bioinformatics 2006; Cawley and Talbot, "On Over-fitting in Model Selection", JMLR 2010, section 5), so no test
post takes part in a choice.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from pydantic import Field, FiniteFloat

from psy_agents.agents.registry import spec
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.splitting.resplits import cross_validation_fold
from psy_agents.files.schema import Schema
from psy_agents.hpo.cross_validation.search import FoldSearch
from psy_agents.hpo.refit.run_refit import RefitSummary, run_refit
from psy_agents.hpo.run_stage import run_stage
from psy_agents.hpo.study.records import Callback
from psy_agents.hpo.study.topk import Scalar, TopK

log = logging.getLogger(__name__)


class FoldResult(Schema):
    """One fold: the hyper-parameters that its search and refit chose, and its figures on its test posts."""

    fold: int = Field(ge=0)
    posts: dict[str, int] = Field(description="Number of posts by split.")
    data_hash: str = Field(description="Of the corpus with the splits of this fold.")
    search_study: str = Field(description="Of the last stage.")
    final_study: str
    searched_value: FiniteFloat = Field(description="The winner's objective on validation in the search.")
    confirmed_value: FiniteFloat = Field(description="The winner's mean objective on held-out posts, over the refit's seeds.")
    test_value: FiniteFloat = Field(description="The objective on the test posts.")
    test_metrics: dict[str, FiniteFloat | None]
    params: dict[str, Scalar]
    epochs: int


class CrossValidationSummary(Schema):
    """The folds of one agent's cross-validation."""

    agent: str
    folds: int
    seed: int
    search: str
    data_hash: str = Field(description="Of the corpus, whose own splits play no part.")
    results: tuple[FoldResult, ...]


@dataclass(frozen=True)
class CrossValidationOutput:
    """The summary as plain data, and each pair's prediction by the model of the fold that tests it, in the corpus's order."""

    summary: dict[str, Any]
    predictions: pd.DataFrame


def cross_validate(agent: str, corpus: Corpus, search: FoldSearch, callbacks: Sequence[Callback] = ()) -> CrossValidationOutput:
    """Search, refit and test on each fold in turn.

    A killed run continues: finished trials and trainings of all folds are in the studies, which know their fold by its splits.

    Raises:
        UserError: see `run_stage` and `run_refit`, or the corpus has too few posts for the folds.
    """
    config, paths = search.config, replace(search.paths, measurements=None)  # `log_cost` has said what all folds take.
    metric = spec(agent).objective_title(search.settings.objective_evidence_weight)
    results, tables = [], []
    for number in range(config.folds):
        fold = cross_validation_fold(corpus, config.folds, number, config.seed)
        log.info("%s: fold %d of %d", agent, number + 1, config.folds)
        best: TopK | None = None
        for stage in search.stages:
            label = f"{stage.label}_fold{number}".removeprefix("_")
            labelled = stage.model_copy(update={"label": label})
            searched = run_stage(agent, fold, labelled, search.settings, search.spaces, paths, parent=best, callbacks=callbacks)
            best = TopK.model_validate(searched.top_k)
        refitted = run_refit(agent, fold, search.refit, search.settings, best, paths, callbacks)
        tables.append(refitted.predictions)
        results.append(_result(number, fold, best, RefitSummary.model_validate(refitted.summary)))
        log.info("%s: fold %d of %d: %s %.4f on its test posts", agent, number + 1, config.folds, metric, results[-1].test_value)
    summary = CrossValidationSummary(
        agent=agent, folds=config.folds, seed=config.seed, search=config.search, data_hash=corpus.fingerprint, results=results
    )
    return CrossValidationOutput(summary.model_dump(mode="json"), in_order_of_pairs(corpus, tables))


def in_order_of_pairs(corpus: Corpus, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The predictions of all folds together, in the order of the corpus's pairs.

    Raises:
        ValueError: they are not of each pair once.
    """
    pooled, pairs = pd.concat(tables, ignore_index=True), pd.MultiIndex.from_frame(corpus.pairs[["post_id", "criterion"]])
    place = pairs.get_indexer(pd.MultiIndex.from_frame(pooled[["post_id", "criterion"]]))
    if sorted(place) != list(range(len(pairs))):
        raise ValueError("the folds do not test each pair once")
    return pooled.iloc[place.argsort()].reset_index(drop=True)


def _result(number: int, fold: Corpus, best: TopK, summary: RefitSummary) -> FoldResult:
    winner = next(each for each in summary.candidates if each.rank == summary.winner)
    return FoldResult(
        fold=number,
        posts={name: int(count) for name, count in fold.splits["split"].value_counts().items()},
        data_hash=summary.data_hash,
        search_study=best.study,
        final_study=summary.final_study,
        searched_value=winner.searched_value,
        confirmed_value=winner.mean,
        test_value=summary.test_value,
        test_metrics=summary.test_metrics,
        params=summary.params,
        epochs=summary.epochs,
    )
