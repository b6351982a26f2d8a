"""Merges the adapters of a saved agent into its encoders, so that it needs no other files."""

from __future__ import annotations

from pathlib import Path

from psy_agents.agents.saved.agent import InferenceSettings, load_agent, save_agent
from psy_agents.agents.saved.base import has_adapters
from psy_agents.agents.saved.checksums import CHECKSUMS, write_checksums
from psy_agents.agents.saved.description import SavedTraining
from psy_agents.agents.saved.ensemble import ENSEMBLE, is_ensemble, read_ensemble
from psy_agents.errors import UserError


def merge_saved(folder: Path) -> None:
    """Merge the adapters of an agent, or of each member of an ensemble, in its folder; the encoders are saved in float32.

    Raises:
        UserError: there are no adapters, or their encoder is missing.
    """
    if not has_adapters(folder):
        raise UserError("export.merge_adapters is true, but the model has no adapters: leave it out.")
    if not is_ensemble(folder):
        return _merge_agent(folder)
    members, _ = read_ensemble(folder)
    for member in members:
        if has_adapters(member):
            _merge_agent(member)
    write_checksums(folder, [ENSEMBLE, *(f"{member.name}/{CHECKSUMS}" for member in members)])


def _merge_agent(folder: Path) -> None:
    agent, tokenizer, decisions, described = load_agent(folder)
    agent.merge_adapters()
    settings = InferenceSettings(**described["reading"])
    known = described["training"]
    training = None if known is None else SavedTraining.model_validate(known)
    criteria, hyperparameters = described["criteria"], described["hyperparameters"]
    save_agent(folder, agent, described["agent"], tokenizer, decisions, criteria, hyperparameters, settings, training)
