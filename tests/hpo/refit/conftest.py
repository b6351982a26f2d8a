from __future__ import annotations

from pathlib import Path

import pytest
from support.search.refits import Refits

from psy_agents.corpus.corpus import Corpus


@pytest.fixture(scope="session")
def refits(corpus: Corpus, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Refits:
    return Refits(tmp_path_factory, corpus, encoder)
