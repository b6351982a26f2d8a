from __future__ import annotations

import functools

import pytest
from support.shared import made_once
from support.small_export import small_export
from support.small_search import build_encoder


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Trains, saves and tests an agent, once for all workers."""
    encoder = made_once(tmp_path_factory, "small_encoder", build_encoder)

    @functools.cache
    def train(agent: str):
        return made_once(tmp_path_factory, f"refit_{agent}", lambda folder: small_export(agent, encoder, folder / agent))

    return train
