"""The corpus as one dataset: whole, of one preprocessing, and without a second copy of it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError
from support.finished_project import sessions_of
from support.project_copy import copy_project
from support.shared import made_once

from psy_agents.app.error_reporting import user_error
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.fingerprint import data_hash
from psy_agents.errors import UserError

TABLES = ("posts", "pairs", "sentences", "splits", "criteria")
MODEL_INPUT = "data/05_model_input"


@pytest.fixture(scope="session")
def preprocessed(tmp_path_factory) -> Path:
    """A project whose preprocessing has run; only copied."""

    def make(folder: Path) -> Path:
        copy_project(folder / "project")
        with pytest.MonkeyPatch.context() as patch:
            sessions_of(folder / "project", patch)().run()
        return folder / "project"

    return made_once(tmp_path_factory, "preprocessed", make)


@pytest.fixture
def catalog(session, project, preprocessed):
    """The catalog of a copy of that project."""
    for folder in ("data", "conf/local"):
        shutil.copytree(preprocessed / folder, project / folder, dirs_exist_ok=True)
    return session().load_context().catalog


def test_it_loads_what_the_preprocessing_saved_and_its_file_holds_the_fingerprint_alone(catalog, project):
    corpus, tables = catalog.load("corpus"), {name: catalog.load(name) for name in TABLES}
    assert isinstance(corpus, Corpus) and corpus.criteria == tables["criteria"]
    for name in ("posts", "pairs", "sentences", "splits"):
        pd.testing.assert_frame_equal(getattr(corpus, name), tables[name])
    assert corpus.fingerprint == data_hash(*tables.values())
    assert json.loads((project / MODEL_INPUT / "corpus.json").read_text()) == {"fingerprint": corpus.fingerprint}


def test_the_fingerprint_is_computed_once_and_belongs_to_the_tables(catalog, monkeypatch):
    corpus = catalog.load("corpus")
    other = dataclasses.replace(corpus, criteria={**corpus.criteria, "new": "Something else."})
    assert corpus.fingerprint != other.fingerprint
    monkeypatch.setattr("psy_agents.corpus.corpus.data_hash", None)
    assert corpus.fingerprint == json.loads(Path(catalog.get("corpus")._filepath).read_text())["fingerprint"]


@pytest.mark.parametrize("table", ["pairs", "sentences"])
def test_tables_of_two_preprocessings_are_refused(catalog, table):
    """As a preprocessing leaves them that was killed between two tables, where the audit of the splits sees nothing."""
    catalog.save(table, catalog.load(table).iloc[1:])
    with pytest.raises(DatasetError) as caught:
        catalog.load("corpus")
    message = str(user_error(caught.value))
    assert message.startswith("The tables of the corpus are not those of ")
    assert message.endswith(f"{MODEL_INPUT}/corpus.json: run the pipeline preprocessing again.")


def test_splits_of_other_posts_are_refused_by_the_audit(catalog):
    catalog.save("splits", catalog.load("splits").iloc[1:])
    with pytest.raises(DatasetError) as caught:
        catalog.load("corpus")
    assert "split" in str(user_error(caught.value)) and "corpus.json" not in str(user_error(caught.value))


def test_data_prepared_without_a_fingerprint_is_read(catalog, project):
    before = catalog.load("corpus").fingerprint
    (project / MODEL_INPUT / "corpus.json").unlink()
    assert catalog.exists("corpus") and catalog.load("corpus").fingerprint == before


def test_a_run_that_reads_the_corpus_names_what_is_missing(catalog, session, project):
    (project / "data/03_primary/pairs.parquet").unlink()
    with pytest.raises(UserError, match=r"data/03_primary/pairs\.parquet is missing"):
        session().run(pipeline_names=["baselines"], node_names=["preprocessing.score_baselines"])
    (project / MODEL_INPUT / "corpus.json").unlink()
    with pytest.raises(UserError, match=r"data/05_model_input/corpus\.json is missing \(dataset corpus\)"):
        session().run(pipeline_names=["baselines"], node_names=["preprocessing.score_baselines"])
