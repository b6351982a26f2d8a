from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "search")]

from small_export import small_export  # noqa: E402
from small_search import build_encoder  # noqa: E402


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
