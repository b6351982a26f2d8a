"""The objective of a search, as a worker builds it."""

import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import BertPreTrainedModel

from psy_agents.agents.encoders import lora
from psy_agents.errors import UserError
from psy_agents.hpo.objective import AgentObjective
from psy_agents.hpo.run_stage import models_of
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.hpo.space.config import SearchSpaceConfig
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


@pytest.mark.parametrize(
    ("ranges", "settings", "problem"),
    [
        ({"attention": ["auto", "causal"]}, {}, "attention is causal, but bert is no decoder"),
        ({"lora_rank": [0, 4], "lora_targets": ["linear", "attention"]}, {}, "has no layers for lora_targets: attention"),
        ({}, {"gradient_checkpointing": True}, "gradient_checkpointing is true, but bert does not support it"),
        ({"lora_rank": [0, 4]}, {}, None),
    ],
)
def test_a_model_that_only_some_trials_have_and_that_cannot_be_made_is_refused_before_the_first_one(
    corpus, encoder, monkeypatch, ranges, settings, problem
):
    monkeypatch.setattr(lora, "QUERIES_AND_VALUES", frozenset())
    monkeypatch.setattr(BertPreTrainedModel, "supports_gradient_checkpointing", False)
    settings = TrainingSettings(fixed={"encoder": str(encoder), "max_length": 48}, **settings)
    spaces = SearchSpaceConfig(small={name: {"type": "categorical", "choices": choices} for name, choices in ranges.items()}, large={})
    models = models_of(spaces.space("criteria", "small", settings), settings)
    setup = SearchSetup("criteria", settings, corpus, encoders=(str(encoder),), models=models)
    with pytest.raises(UserError, match=problem) if problem else nullcontext():
        AgentObjective(setup)
