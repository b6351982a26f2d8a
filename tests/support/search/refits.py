"""Refits of small agents, each run once for all workers; their trials and predictions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from support.shared import made_once
from support.small_search import best_trials, training_settings

from psy_agents.corpus.corpus import Corpus
from psy_agents.evaluation.spans import Span
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.run_refit import RefitOutput, RefitSummary, run_refit
from psy_agents.hpo.study.store import read_study

CONFIG = RefitConfig(candidates=2, n_seeds=2, final_models=1, untuned=False, workers={"count": 1, "threads": 1}, min_support=4)
PARAMS = ({"learning_rate": 1e-3}, {"learning_rate": 5e-3, "max_length": 24})


@dataclass(frozen=True)
class Refit:
    """A finished refit, its folder, and all that it was given."""

    folder: Path
    given: dict
    output: RefitOutput

    @property
    def summary(self) -> RefitSummary:
        return RefitSummary.model_validate(json.loads(json.dumps(self.output.summary)))

    def copied(self, folder: Path) -> Refit:
        """The same in another folder, which is not there yet; hard links stay hard links."""
        subprocess.run(["cp", "-a", str(self.folder), str(folder)], check=True)
        model = folder / self.output.model.relative_to(self.folder)
        return Refit(folder, {**self.given, "paths": paths_in(folder)}, replace(self.output, model=model))


class Refits:
    """Refits of agents: the first worker that asks for one runs it, and each worker gets a copy that no other touches.

    An ensemble continues from the refit of the same agent without one: its candidates are confirmed already.
    """

    def __init__(self, factory: pytest.TempPathFactory, corpus: Corpus, encoder: Path) -> None:
        self._factory, self._corpus, self._encoder = factory, corpus, encoder
        self._copies: dict[str, Refit] = {}

    def single(self, agent: str, unit: str = "post") -> Refit:
        """Without resplits where an ensemble of seeds continues from it."""
        settings = training_settings(self._encoder, unit=unit)

        def make(folder: Path) -> Refit:
            given = {
                "agent": agent, "corpus": self._corpus, "config": config_of(agent, unit), "settings": settings,
                "top": best_trials(agent, self._corpus, settings, *PARAMS), "paths": paths_in(folder / "refit"),
            }  # fmt: skip
            return Refit(folder / "refit", given, run_refit(**given))

        return self._copy(f"single_{agent}_{unit}", make)

    def ensemble(self, agent: str, kind: str) -> Refit:
        def make(folder: Path) -> Refit:
            single = self.single(agent).copied(folder / "refit")
            given = {**single.given, "config": single.given["config"].model_copy(update={"ensemble": kind})}
            return Refit(single.folder, given, run_refit(**given))

        return self._copy(f"ensemble_{agent}_{kind}", make)

    def _copy(self, name: str, make: Callable[[Path], Refit]) -> Refit:
        if name not in self._copies:
            self._copies[name] = made_once(self._factory, name, make).copied(self._factory.mktemp(f"{name}_copy") / "refit")
        return self._copies[name]


def config_of(agent: str, unit: str = "post") -> RefitConfig:
    """The criteria agent's refit has a model of each seed and no resplits, since an ensemble of seeds continues from it."""
    of_seeds = (agent, unit) == ("criteria", "post")
    return CONFIG.model_copy(update={"resplit": not of_seeds, "final_models": 2 if of_seeds else 1})


def paths_in(folder: Path) -> StoragePaths:
    return StoragePaths(folder / "studies.db", folder / "models", folder / "logs")


def trials_of(folder: Path, name: str) -> list[optuna.trial.FrozenTrial]:
    return read_study(folder / "studies.db", name).trials


def posts_of_test(corpus: Corpus) -> tuple[list[str], list[str]]:
    """Ids and texts of the test split, as a user would read them from a table."""
    members = corpus.splits.loc[corpus.splits["split"] == "test", "post_id"]
    posts = corpus.posts[corpus.posts["post_id"].isin(members)]
    return posts["post_id"].tolist(), posts["text"].tolist()


def as_rows(predicted) -> list:
    return [(p.probability, p.predicted, p.spans) for post in predicted for p in post.values()]


def table_rows(table: pd.DataFrame) -> list:
    rows = []
    for row in table.itertuples():
        spans = None if row.spans is None else [Span(**span) for span in row.spans]
        rows.append((None if np.isnan(row.probability) else row.probability, bool(row.predicted), spans))
    return rows
