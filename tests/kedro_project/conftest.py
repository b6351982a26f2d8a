"""Sessions of the copied project, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.startup import bootstrap_project

from psy_agents.session import AgentSession

NewSession = Callable[..., AgentSession]


@pytest.fixture
def session(project: Path, monkeypatch: pytest.MonkeyPatch) -> NewSession:
    """Makes sessions; their runtime parameters are nested as Kedro nests ``--params``."""
    monkeypatch.chdir(project)
    for name in ("HPO_EPOCHS", "HPO_PATIENCE"):
        monkeypatch.delenv(name, raising=False)
    bootstrap_project(project)

    def new(env: str | None = None, **params: Any) -> AgentSession:
        return AgentSession.create(project_path=project, env=env, runtime_params=params)

    return new
