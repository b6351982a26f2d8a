import pytest
from support import tiny_agents


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of the tiny encoders by family."""
    root = tmp_path_factory.mktemp("encoders")
    return {kind: tiny_agents.build_encoder(kind, root / kind) for kind in tiny_agents.ENCODERS}


@pytest.fixture(scope="session")
def corpus():
    return tiny_agents.build_corpus()
