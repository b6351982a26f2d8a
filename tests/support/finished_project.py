"""A project in which everything has run, in the test environment, on a corpus with planted words."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.project_copy import CORPUS, ROOT, copy_project, project_environment
from support.shared import configured
from support.tiny_bert import build_bert

from psy_agents.app.session import AgentSession

NAME_LOOKUPS = "name_lookups"
POST, EXPLANATION, ID = "zanzibarpost", "obsidianreason", "wombatid"
"""Words in each text, explanation and post_id of the corpus."""

NewSession = Callable[..., AgentSession]


@dataclass(frozen=True)
class Finished:
    """Where ``full_hpo_all`` has run, on which encoder, and how it ended."""

    folder: Path
    encoder: Path
    ended: subprocess.CompletedProcess


def build_encoder(folder: Path) -> Path:
    """A random BERT of six layers, as many as the small space's frozen ones need."""
    return build_bert(folder, pd.read_csv(ROOT / CORPUS / "posts.csv")["text"], vocab_size=400, layers=6)


def build_finished(folder: Path, encoder: Path) -> Finished:
    """All agents, all stages, refits and the report by one command, in a copy of the project."""
    copy_project(folder)
    _plant_words(folder / CORPUS)
    return Finished(folder, encoder, run_all(folder, encoder))


def _plant_words(corpus: Path) -> None:
    posts, rows = (pd.read_csv(corpus / name, dtype=str) for name in ("posts.csv", "annotations.csv"))
    posts["text"] += f" And {POST} it was."
    rows["explanation"] += f" {EXPLANATION}"
    for table, name in ((posts, "posts.csv"), (rows, "annotations.csv")):
        table.assign(post_id=ID + table["post_id"]).to_csv(corpus / name, index=False)


def run_all(project: Path, encoder: Path) -> subprocess.CompletedProcess:
    """``kedro run --pipelines full_hpo_all`` in the test environment, as a user's shell does."""
    silencing = ("CI", "DO_NOT_TRACK", "KEDRO_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY")
    environment = {name: value for name, value in project_environment(project).items() if name not in silencing}
    given = f"training.precision=float32,training.fixed.encoder={encoder},training.fixed.max_length=128"
    return subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--env", "test", "--pipelines", "full_hpo_all", "--params", given],
        cwd=project,
        env=watched(environment, project / NAME_LOOKUPS),
        capture_output=True,
        text=True,
        timeout=1800,
    )


def watched(environment: dict[str, str], file: Path) -> dict[str, str]:
    """The environment of processes that write each name that they look up into a file."""
    path = os.pathsep.join([str(Path(__file__).parent / "name_lookups"), environment.get("PYTHONPATH", "")])
    return {**environment, "PYTHONPATH": path, "NAME_LOOKUPS": str(file)}


def training(encoder: Path) -> dict[str, Any]:
    """The same training parameters for a session in this process: a trial takes a second."""
    return {"precision": "float32", "fixed": {"encoder": encoder.as_posix(), "max_length": 128}}


def sessions_of(project: Path, monkeypatch: pytest.MonkeyPatch) -> NewSession:
    """Makes sessions of a project; their runtime parameters are nested as Kedro nests ``--params``."""
    monkeypatch.chdir(project)
    for name in ("HPO_TRIALS", "HPO_EPOCHS", "HPO_PATIENCE"):
        monkeypatch.delenv(name, raising=False)
    configured()

    def new(env: str | None = None, **params: Any) -> AgentSession:
        return AgentSession.create(project_path=project, env=env, runtime_params=params)

    return new


def leave_out_tracking(project: Path) -> None:
    """No MLflow in any pipeline: its database takes seconds to make."""
    file = project / "conf" / "base" / "mlflow.yml"
    searches = "cross_validation, hpo_stage0, hpo_stage1, hpo_stage2, maximal_hpo, refit, report, full_hpo_all, maximal_hpo_all"
    file.write_text(file.read_text().replace("baselines]", f"baselines, {searches}]"))
