"""Finds the agents: every folder here with a ``spec.py`` (imports no torch) and a ``model.py`` is an agent."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from psy_agents.agents.spec import AgentSpec

if TYPE_CHECKING:
    import torch

    from psy_agents.agents.config import ModelConfig
    from psy_agents.agents.model import AgentModel


def _find_specs() -> dict[str, AgentSpec]:
    names = [file.parent.name for file in Path(__file__).parent.glob("*/spec.py")]
    specs = {name: import_module(f"psy_agents.agents.{name}.spec").SPEC for name in names}
    return dict(sorted(specs.items(), key=lambda item: (item[1].order, item[0])))


_SPECS = _find_specs()
AGENTS = tuple(_SPECS)
"""The agents' names, in the order of their specs."""
SENTENCE_AGENTS = tuple(name for name in AGENTS if _SPECS[name].reads_sentences)
"""The agents that can read a post sentence by sentence (``unit: sentence``)."""


def spec(agent: str) -> AgentSpec:
    """The agent's spec."""
    return _SPECS[agent]


def model_class(agent: str) -> type[AgentModel]:
    """The class ``Model`` of the agent's ``model.py``; imports torch."""
    return import_module(f"psy_agents.agents.{agent}.model").Model


def new_agent(agent: str, config: ModelConfig, encoder_folder: Path, base_dtype: torch.dtype | None = None) -> AgentModel:
    """Build an untrained agent; each of its encoders starts from the same pre-trained one.

    Args:
        base_dtype: see `EncoderSource`.
    """
    from psy_agents.agents.encoders.loading import EncoderSource

    model = model_class(agent)(config, EncoderSource(dict.fromkeys(spec(agent).encoders, encoder_folder), base_dtype))
    model.prepare_layers()
    return model
