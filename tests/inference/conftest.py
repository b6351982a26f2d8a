"""Saved, untrained agents and files of posts for them. The predictions are arbitrary; tests check that they are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.search.fixtures import corpus, encoder
from support.tiny_bert import build_bert
from support.training.attention import attention_by_mask

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.decoding import DecodingRule
from psy_agents.agents.encoders.tokenizer import load_tokenizer
from psy_agents.agents.registry import new_agent
from psy_agents.agents.saved.agent import Decisions, InferenceSettings, save_agent
from psy_agents.inference.config import PredictConfig

__all__ = ["attention_by_mask", "config", "corpus", "encoder", "models", "posts_csv"]

CRITERIA = {"SLEEP": "trouble sleeping", "FATIGUE": "no energy"}
SENTENCES = ("I barely slept all week.", "I have no energy left.", "We walked to the market and home.", "Then it rained.")


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Callable[[str], Path]:
    """Saves an agent, once; its rule lets evidence through."""
    encoder = build_bert(tmp_path_factory.mktemp("encoder"), [*SENTENCES, *CRITERIA.values()], vocab_size=200, layers=2)
    made: dict[str, Path] = {}

    def saved(agent: str) -> Path:
        if agent not in made:
            torch.manual_seed(1)
            model = new_agent(agent, ModelConfig(encoder=str(encoder), max_length=32), encoder)
            made[agent] = tmp_path_factory.mktemp("models") / "version 1" / agent
            made[agent].parent.mkdir()
            decisions = Decisions(0.5, DecodingRule(threshold=-5.0, max_spans=2))
            save_agent(made[agent], model, agent, load_tokenizer(encoder), decisions, CRITERIA, {}, InferenceSettings())
        return made[agent]

    return saved


@pytest.fixture
def config(tmp_path) -> Callable[..., PredictConfig]:
    """The settings for a file of the test's folder."""

    def made(posts: str = "posts.csv", **changes) -> PredictConfig:
        return PredictConfig(project=tmp_path, posts=Path(posts), work=tmp_path / "out", **changes)

    return made


@pytest.fixture
def posts_csv(tmp_path) -> Path:
    """Twenty-three posts of one to seven sentences."""
    rows = [f'p{i},"{" ".join(SENTENCES[(i + j) % 4] for j in range(1 + i % 7))}"' for i in range(23)]
    file = tmp_path / "posts.csv"
    file.write_text("\n".join(["post_id,text", *rows]) + "\n")
    return file
