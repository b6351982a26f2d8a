"""What only a GPU shows. Without one these tests are skipped, with the reason."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # As in a worker, before CUDA starts.

import pytest
import torch
from support import tiny_agents


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where no CUDA device is."""
    if not torch.cuda.is_available():
        for item in items:
            if Path(item.fspath).parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of tiny encoders by family."""
    root = tmp_path_factory.mktemp("encoders")
    return {kind: tiny_agents.build_encoder(kind, root / kind) for kind in ("bert", "roberta", "distilbert")}


@pytest.fixture(scope="session")
def corpus():
    return tiny_agents.build_corpus()

