"""The corpus and the encoder that stages and refits are tried with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_search import build_corpus, build_encoder  # noqa: E402

from psy_agents.training.data import Corpus  # noqa: E402


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> Path:
    return build_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return build_corpus()
