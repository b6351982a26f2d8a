import importlib.util
import sys
from pathlib import Path

import pytest

if "tiny_agents" not in sys.modules:
    spec = importlib.util.spec_from_file_location("tiny_agents", Path(__file__).with_name("tiny.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_agents"] = module
    spec.loader.exec_module(module)

import tiny_agents


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of the tiny encoders by family."""
    root = tmp_path_factory.mktemp("encoders")
    return {kind: tiny_agents.build_encoder(kind, root / kind) for kind in tiny_agents.ENCODERS}


@pytest.fixture(scope="session")
def corpus():
    return tiny_agents.build_corpus()
