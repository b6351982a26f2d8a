"""Folders, trials and predictions of refits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pandas as pd

from psy_agents.corpus.corpus import Corpus
from psy_agents.evaluation.spans import Span
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.study.store import read_study

PROGRAM = Path(__file__).with_name("refit_process.py")


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
