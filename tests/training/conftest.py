import pytest
from support import tiny_agents


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of the tiny encoders that training needs."""
    root = tmp_path_factory.mktemp("encoders")
    bert = tiny_agents.build_encoder("bert", root / "bert")
    return {"bert": bert, "other": tiny_agents.build_other_weights(bert, root / "other")}


@pytest.fixture(scope="session")
def corpus():
    return tiny_agents.build_corpus()
