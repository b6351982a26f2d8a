"""What configuration files may compute: absolute paths, whole numbers from the environment, and how the run was called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from psy_agents.datasets.project import project_path
from psy_agents.errors import UserError


def env_int(name: str, default: int) -> int:
    """A whole number of at least 1 from the environment, or the default where it is not set."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{name} is {text!r} in the environment: set a whole number of at least 1, or unset it.")
    return int(text)


def environment() -> str:
    """The configuration environment where no session says which."""
    return "local"


def given_parameters(params: Mapping[str, Any] | None = None, above: str = "") -> dict[str, Any]:
    """Parameters from the command line by their dotted names; none where no session says which."""
    flat: dict[str, Any] = {}
    for name, value in (params or {}).items():
        flat |= given_parameters(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return flat


RESOLVERS = {
    "project_path": project_path,
    "env_int": env_int,
    "environment": environment,
    "given_parameters": given_parameters,
}
