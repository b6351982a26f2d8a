"""The project's configuration loader: Kedro's, with `hpo.space` and `hpo.encoder` put where they are read.

Interpolation in the files cannot do this: Kedro resolves each environment before it merges them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from kedro.config import OmegaConfigLoader

STAGES = ("stage0", "stage1", "stage2", "maximal")


class ConfigLoader(OmegaConfigLoader):
    """Loads the parameters for runs, notebooks and kedro viz alike."""

    def __getitem__(self, key: str) -> dict[str, Any]:
        config = super().__getitem__(key)
        return with_encoder(with_space(config)) if key == "parameters" else config


def with_space(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters in which every stage without a space of its own searches ``hpo.space``."""
    hpo = _section(parameters, "hpo")
    if "space" not in hpo:
        return parameters
    stages = {name: {"space": hpo["space"], **hpo[name]} for name in STAGES if isinstance(hpo.get(name), dict)}
    return {**parameters, "hpo": {**hpo, **stages}}


def with_encoder(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters in which every trial has the encoder ``hpo.encoder``, if that is set; `check_parameters` checks their form."""
    encoder = _section(parameters, "hpo").get("encoder")
    if encoder is None:
        return parameters
    parameters = copy.deepcopy(parameters)
    training, spaces = _section(parameters, "training"), _section(parameters, "search_space")
    training["fixed"] = {**_section(training, "fixed"), "encoder": encoder}
    for name in spaces:
        if name != "first_trials":
            _section(spaces, name).pop("encoder", None)
    for by_agent in _section(spaces, "first_trials").values():
        for trial in [trial for trials in by_agent.values() for trial in trials]:
            trial.pop("encoder", None)
    return parameters


def _section(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}
