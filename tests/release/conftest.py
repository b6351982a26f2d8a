from __future__ import annotations

import pytest
from support.small_export import small_export
from support.small_search import build_encoder


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Trains, saves and tests an agent, once."""
    encoder, root = build_encoder(tmp_path_factory.mktemp("encoder")), tmp_path_factory.mktemp("refits")
    done = {}

    def train(agent: str):
        if agent not in done:
            done[agent] = small_export(agent, encoder, root / agent)
        return done[agent]

    return train
