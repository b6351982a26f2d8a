"""Scores on validation are computed once, and again as soon as anything changes on which they depend."""

import json
import logging
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from psy_agents.baselines import stored
from psy_agents.baselines.config import BaselinesConfig
from psy_agents.baselines.predict import baseline_table
from psy_agents.baselines.registry import systems_of
from psy_agents.baselines.stored import validation_scores
from psy_agents.baselines.systems.embedding import Embedding
from psy_agents.baselines.systems.tfidf import Tfidf
from psy_agents.hpo.refit.config import RefitConfig


@pytest.fixture
def fitted(monkeypatch):
    """The names of the systems that are fitted."""
    found = set()
    for system in (Tfidf, Embedding):
        fit = system.fit
        monkeypatch.setattr(system, "fit", lambda self, *given, fit=fit: found.add(type(self).__name__) or fit(self, *given))
    return found


@pytest.fixture
def setup(setup_of, tmp_path):
    return setup_of(stored=str(tmp_path / "stored"))


def same(one, other):
    """Equal tables; NaN equals NaN."""
    assert json.dumps(one) == json.dumps(other)


def test_a_second_run_fits_nothing_and_finds_the_same(corpus, setup, fitted):
    first = validation_scores(corpus, setup)
    same(first, baseline_table(corpus, "validation", setup))
    fitted.clear()
    same(validation_scores(corpus, setup), first)
    assert not fitted


def test_without_a_folder_each_run_computes(corpus, setup_of, fitted):
    for _ in range(2):
        fitted.clear()
        validation_scores(corpus, setup_of())
        assert fitted == {"Tfidf"}


def test_another_corpus_is_scored_anew(corpus, setup, fitted):
    before = validation_scores(corpus, setup)
    in_validation = corpus.pairs["post_id"].isin(corpus.splits.query("split == 'validation'")["post_id"])
    flipped = replace(corpus, pairs=corpus.pairs.assign(label=np.where(in_validation, 1 - corpus.pairs["label"], corpus.pairs["label"])))
    fitted.clear()
    after = validation_scores(flipped, setup)
    assert fitted == {"Tfidf"} and after["all_positive"]["macro_f1"] != before["all_positive"]["macro_f1"]
    same(after, baseline_table(flipped, "validation", setup))
    same(validation_scores(corpus, setup), before)


def test_other_settings_are_fitted_anew_and_what_they_leave_alone_is_not(corpus, setup, setup_of, fitted):
    validation_scores(corpus, setup)
    other = setup_of(tfidf={"c": [0.001], "ngrams": [2]}, stored=str(setup.config.stored))
    fitted.clear()
    found = validation_scores(corpus, other)
    assert fitted == {"Tfidf"}
    same(found, baseline_table(corpus, "validation", other))
    with_embedding = setup_of(embedding={"c": [1.0]}, stored=str(setup.config.stored))
    fitted.clear()
    assert "embedding_logistic" in validation_scores(corpus, with_embedding)
    assert fitted == {"Embedding"}


def test_an_encoder_that_is_written_again_is_read_again(corpus, setup_of, encoder, tmp_path, fitted):
    folder = shutil.copytree(encoder, tmp_path / "encoder")
    setup = setup_of(embedding={"encoder": str(folder), "c": [1.0]}, stored=str(tmp_path / "stored"))
    validation_scores(corpus, setup)
    fitted.clear()
    validation_scores(corpus, setup)
    assert not fitted
    weights = folder / "model.safetensors"
    os.utime(weights, ns=(0, weights.stat().st_mtime_ns + 1))
    validation_scores(corpus, setup)
    assert fitted == {"Embedding"}


def test_other_code_and_other_packages_compute_anew(corpus, setup, fitted, monkeypatch):
    validation_scores(corpus, setup)
    for name, value in (("code_checksum", lambda: "other"), ("version", lambda package: "0.0")):
        fitted.clear()
        with monkeypatch.context() as patch:
            patch.setattr(stored, name, value)
            validation_scores(corpus, setup)
        assert fitted == {"Tfidf"}, name


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"depends_on": {}, "scores": {"tfidf_logistic": {"macro_f1": 1.0}}}'])
def test_a_damaged_file_is_computed_again(corpus, setup, fitted, damage, caplog):
    first = validation_scores(corpus, setup)
    (file,) = setup.config.stored.glob("tfidf-*.json")
    file.write_text(damage)
    fitted.clear()
    with caplog.at_level(logging.WARNING):
        same(validation_scores(corpus, setup), first)
    assert fitted == {"Tfidf"} and ("StoredScores" in caplog.text) == ("scores" not in damage)


def test_the_refit_decides_nothing_on_validation(corpus, setup_of):
    """So its settings are not among what the scores depend on."""
    setup = setup_of()
    other = replace(setup, refit=RefitConfig(seeds=(5,), resplit=False, calibration="none", min_support=None))
    same(baseline_table(corpus, "validation", other), baseline_table(corpus, "validation", setup))


def test_a_chat_models_scores_are_not_stored_and_every_other_systems_are(setup_of):
    config = BaselinesConfig.model_validate({"nli": {"model": "here"}, "chat": {"model": "any"}})
    systems = systems_of(replace(setup_of(), config=config))
    assert [type(system).__name__ for system in systems if system.depends_on() is None] == ["Chat"]
