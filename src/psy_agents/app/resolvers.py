"""OmegaConf resolvers: absolute paths, integers from environment variables, and the arguments of the run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from psy_agents.datasets.project import project_path
from psy_agents.errors import UserError


def env_int(name: str, default: int) -> int:
    """An environment variable as an integer of at least 1; the default if it is not set."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{name} is {text!r} in the environment: set a whole number of at least 1, or unset it.")
    return int(text)


def address_of(path: str) -> str:
    """A path as part of a URL."""
    return quote(path)


def database_address(path: str) -> str:
    """A path as part of a database's URL, in which only these characters have a meaning."""
    return path.replace("%", "%25").replace("?", "%3F").replace("#", "%23")


def experiment(name: str) -> str:
    """The MLflow experiment of an environment: the project's own without ``--env``."""
    return "psy_agents" if name == environment() else f"psy_agents_{name}"


def environment() -> str:
    """The default configuration environment. A session registers its environment in place of this resolver."""
    return "local"


def given_parameters(params: Mapping[str, Any] | None = None, above: str = "") -> dict[str, Any]:
    """The parameters of the command line by dotted name. A session registers its parameters in place of this resolver."""
    flat: dict[str, Any] = {}
    for name, value in (params or {}).items():
        flat |= given_parameters(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return flat


RESOLVERS = {
    "project_path": project_path,
    "env_int": env_int,
    "address_of": address_of,
    "database_address": database_address,
    "experiment": experiment,
    "environment": environment,
    "given_parameters": given_parameters,
}
