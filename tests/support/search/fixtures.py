"""Fixtures of the small corpus, its encoder and refits, for the ``conftest.py`` that imports them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.search.refits import Refits
from support.shared import made_once
from support.small_search import build_corpus, build_encoder

from psy_agents.corpus.corpus import Corpus


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers."""
    return made_once(tmp_path_factory, "small_encoder", build_encoder)


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """Forty posts with two criteria."""
    return build_corpus()


@pytest.fixture(scope="session")
def refits(corpus: Corpus, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Refits:
    """Each run once for all workers."""
    return Refits(tmp_path_factory, corpus, encoder)
