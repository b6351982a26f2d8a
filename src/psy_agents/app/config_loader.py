"""The project's configuration loader: Kedro's, with `hpo.encoder` put where encoders are read."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from kedro.config import OmegaConfigLoader


class ConfigLoader(OmegaConfigLoader):
    """Loads the parameters for runs, notebooks and kedro viz alike."""

    def __getitem__(self, key: str) -> dict[str, Any]:
        config = super().__getitem__(key)
        return with_encoder(config) if key == "parameters" else config


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
