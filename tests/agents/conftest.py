import pytest
from support import tiny_agents
from support.training import tiny_decoders


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of the tiny encoders and decoders by family."""
    root = tmp_path_factory.mktemp("encoders")
    made = {kind: tiny_agents.build_encoder(kind, root / kind) for kind in tiny_agents.ENCODERS}
    return made | {kind: tiny_decoders.build_decoder(kind, root / kind, tiny_agents.SENTENCES) for kind in tiny_decoders.DECODERS}


@pytest.fixture(scope="session")
def corpus():
    return tiny_agents.build_corpus()
