from __future__ import annotations

import pytest
from support.corpus.baseline_corpus import build_corpus
from support.tiny_bert import build_bert

from psy_agents.baselines.config import BaselinesConfig
from psy_agents.baselines.system import BaselineSetup
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.training.config import TrainingSettings

REFIT = RefitConfig(seeds=(11, 23), min_support=4)
QUICK = {"tfidf": {"c": [1.0], "ngrams": [1]}, "embedding": {"use": False}}


@pytest.fixture(scope="session")
def corpus():
    return build_corpus()


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    """A random BERT of two layers."""
    texts = ["I lie awake at night.", "My day is grey and low.", "The weather was wet and I went out to the fine market."]
    return build_bert(tmp_path_factory.mktemp("encoder"), texts, vocab_size=120, layers=2)


@pytest.fixture(scope="session")
def setup_of(encoder):
    """Makes the parameters of baselines; embeddings are those of a tiny encoder."""

    def make(**sections) -> BaselineSetup:
        config = BaselinesConfig.model_validate({**QUICK, **sections})
        return BaselineSetup(config, REFIT, TrainingSettings(fixed={"encoder": encoder.as_posix()}))

    return make
