from __future__ import annotations

import functools

import pytest
from support.search.fixtures import encoder
from support.shared import made_once
from support.small_export import small_export

__all__ = ["encoder", "trained"]


@pytest.fixture(scope="session")
def trained(encoder, tmp_path_factory):
    """Trains, saves and tests an agent, once for all workers."""

    @functools.cache
    def train(agent: str):
        return made_once(tmp_path_factory, f"refit_{agent}", lambda folder: small_export(agent, encoder, folder / agent))

    return train
