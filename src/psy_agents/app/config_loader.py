"""The project's configuration loader: Kedro's, with ``conf/local`` in every environment, and `hpo.space`, `hpo.encoder` and `hpo.pinned`
put where they are read.

Kedro reads ``conf/local`` only without ``--env``: a machine's credentials and settings would be ignored with another corpus.
Interpolation in the files cannot put `hpo.space`: Kedro resolves each environment before it merges them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import DictConfig

from psy_agents.errors import UserError

LOCAL = "local"
STAGES = ("stage0", "stage1", "stage2", "maximal")


class ConfigLoader(OmegaConfigLoader):
    """Loads the configuration for runs, notebooks and kedro viz alike.

    The environment overrides ``conf/local``, which overrides ``conf/base``. Each kind of file is read once: a run asks for the
    parameters seven times, and to read and resolve them takes as long as to prepare a small corpus.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._local: dict[str, dict[Path, DictConfig]] = {}
        self._loaded: dict[str, dict[str, Any]] = {}
        super().__init__(*args, **kwargs)

    @property
    def folders(self) -> list[Path]:
        """The folders that are read; a later one overrides an earlier one."""
        names = dict.fromkeys([self.base_env, LOCAL, self.env or self.default_run_env])
        return [folder for name in names if (folder := Path(self._get_conf_env_path(name))).is_dir()]

    def _read_raw_config(self, key: str) -> tuple:
        """Read the files of ``conf/local``, too."""
        read = super()._read_raw_config(key)
        *_, env_path, processed = read
        local = self._get_conf_env_path(LOCAL)
        if env_path != local and Path(local).is_dir():
            self._local[key] = self._read_dir_configs(local, self.config_patterns[key], key, processed, key == "credentials")
        return read

    def _merge_configs(self, config: dict[str, Any], env_config: dict[str, Any], key: str, env_path: str) -> dict[str, Any]:
        """Put ``conf/local`` between the base and the environment; a folder without files of the kind costs no merge."""
        if (files := self._local.get(key)):
            config = super()._merge_configs(config, self._merge_and_resolve(key, files), key, self._get_conf_env_path(LOCAL))
        return super()._merge_configs(config, env_config, key, env_path) if env_config else config

    def __getitem__(self, key: str) -> dict[str, Any]:
        """The configuration of this kind; what a caller changes in it changes no later one."""
        if key in self:  # Set by a caller.
            return super().__getitem__(key)
        if key not in self._loaded:
            self._loaded[key] = self._parameters() if key == "parameters" else super().__getitem__(key)
        return copy.deepcopy(self._loaded[key])

    def _parameters(self) -> dict[str, Any]:
        try:
            config = super().__getitem__("parameters")
        except TypeError as error:
            if not str(error).startswith("Cannot merge incompatible"):
                raise
            raise UserError(self._incompatible()) from None
        return with_pinned(with_space(config))

    def _incompatible(self) -> str:
        """Which parameter of the command line names a part of a list in the files."""
        given, self.runtime_params = self.runtime_params, {}
        try:
            files = super().__getitem__("parameters")
        finally:
            self.runtime_params = given
        key = _first_clash(given or {}, files)
        return f"--params {key}: it is a list, of which no part can be set by itself: set the whole list in a file of conf/local."


def with_space(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters in which every stage without a space of its own searches ``hpo.space``."""
    hpo = _section(parameters, "hpo")
    if "space" not in hpo:
        return parameters
    stages = {name: {"space": hpo["space"], **hpo[name]} for name in STAGES if isinstance(hpo.get(name), dict)}
    return {**parameters, "hpo": {**hpo, **stages}}


def with_pinned(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters in which every trial has the encoder ``hpo.encoder`` and the values of ``hpo.pinned``.

    A pinned hyper-parameter is in no search space. A range whose condition it meets has no such condition any more, and one whose
    condition it does not meet is gone. `check_parameters` checks names and values.
    """
    hpo = _section(parameters, "hpo")
    encoder = hpo.get("encoder")
    pinned = {**_section(hpo, "pinned"), **({} if encoder is None else {"encoder": encoder})}
    if not pinned:
        return parameters
    parameters = copy.deepcopy(parameters)
    training, spaces = _section(parameters, "training"), _section(parameters, "search_space")
    training["fixed"] = {**_section(training, "fixed"), **pinned}
    for name in spaces:
        if name != "first_trials":
            _pin(_section(spaces, name), pinned)
    for by_agent in _section(spaces, "first_trials").values():
        for trial in [trial for trials in by_agent.values() for trial in trials]:
            for name in pinned:
                trial.pop(name, None)
    return parameters


def _pin(ranges: dict[str, Any], pinned: Mapping[str, Any]) -> None:
    """Take pinned hyper-parameters out of a space."""
    for name in list(ranges):
        conditions = _section(_section(ranges, name), "when")
        settled = {other: values for other, values in conditions.items() if other in pinned and isinstance(values, list)}
        if name in pinned or any(pinned[other] not in values for other, values in settled.items()):
            del ranges[name]
        elif settled:
            ranges[name] = {**ranges[name], "when": {o: values for o, values in conditions.items() if o not in settled}}


def _section(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _first_clash(given: Mapping[str, Any], files: Any, above: str = "") -> str:
    """The dotted name of the first section that is given where the files have a list."""
    for name, value in given.items():
        found = files.get(name) if isinstance(files, Mapping) else None
        if isinstance(value, Mapping):
            if isinstance(found, list):
                return above + str(name)
            if (below := _first_clash(value, found, f"{above}{name}.")):
                return below
    return ""
