import pytest
from support import tiny_agents
from support.training import tiny_decoders


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of the tiny encoders that training needs."""
    root = tmp_path_factory.mktemp("encoders")
    bert = tiny_agents.build_encoder("bert", root / "bert")
    llama = tiny_decoders.build_decoder("llama", root / "llama", tiny_agents.SENTENCES)
    return {"bert": bert, "other": tiny_agents.build_other_weights(bert, root / "other"), "llama": llama}


@pytest.fixture(scope="session")
def corpus():
    return tiny_agents.build_corpus()
