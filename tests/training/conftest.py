import importlib.util
import sys
from pathlib import Path

import pytest

if "tiny_agents" not in sys.modules:
    spec = importlib.util.spec_from_file_location("tiny_agents", Path(__file__).parents[1] / "agents" / "tiny.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_agents"] = module
    spec.loader.exec_module(module)

import tiny_agents


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of the tiny encoders that training needs."""
    root = tmp_path_factory.mktemp("encoders")
    bert = tiny_agents.build_encoder("bert", root / "bert")
    return {"bert": bert, "other": tiny_agents.build_other_weights(bert, root / "other")}


@pytest.fixture(scope="session")
def corpus():
    return tiny_agents.build_corpus()
