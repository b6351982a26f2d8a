"""The objective of a search, as a worker builds it."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from psy_agents.errors import UserError
from psy_agents.hpo.objective import AgentObjective
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.training.config import TrainingSettings


def without_a_weight(weights: Path) -> None:
    kept = load_file(weights)
    del kept["embeddings.LayerNorm.bias"]
    save_file(kept, weights, metadata={"format": "pt"})


def cut_short(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (without_a_weight, r"lacks 1 of its weights \(first: embeddings.LayerNorm.bias\)"),
        (cut_short, r"cannot be loaded \(.*\): copy its files there again, or save it there with save_pretrained\(\)"),
    ],
)
def test_an_offered_encoder_that_cannot_be_loaded_is_refused_before_the_first_trial(corpus, encoder, tmp_path, damage, problem):
    damaged = Path(shutil.copytree(encoder, tmp_path / "damaged"))
    damage(damaged / "model.safetensors")
    setup = SearchSetup("criteria", TrainingSettings(), corpus, encoders=(str(encoder), str(damaged)))
    with pytest.raises(UserError, match=problem):
        AgentObjective(setup)
