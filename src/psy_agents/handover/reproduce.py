"""The commands that make an agent again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psy_agents.handover.config import ExportConfig
from psy_agents.hpo.refit import RefitSummary

PIPELINES = {
    "stage0": ("hpo_stage0", "stage0"),
    "stage1": ("hpo_stage1", "stage1"),
    "stage2": ("hpo_stage2", "stage2"),
    "max": ("maximal_hpo", "maximal"),
}
"""Pipeline and section below ``hpo`` of each stage's name."""
DEFAULT_ENVIRONMENT = "local"


def commands(summary: RefitSummary, searched: tuple[Mapping[str, Any], ...], config: ExportConfig, git_commit: str) -> list[str]:
    """From a checkout to the refit and the export, with what each stage was told."""
    environment = "" if config.environment == DEFAULT_ENVIRONMENT else f" --env {config.environment}"
    run = f"kedro run{environment} --pipeline"
    lines = [] if git_commit == "unknown" else [f"git checkout {git_commit.removesuffix('+changes')}"]
    lines.append("pip install -c requirements.lock -e .")
    if config.agreement is not None:
        lines.append(f'{run} preprocessing --params data_agreement="YOUR NAME"')
    for stage in searched:
        if stage["stage"] in PIPELINES:
            pipeline, section = PIPELINES[stage["stage"]]
            told = {"n_trials": stage["trials"], "epochs": stage["epochs"], "patience": stage["patience"], "seed": stage["seed"]}
            given = ",".join(f"hpo.{section}.{key}={value}" for key, value in told.items() if value is not None)
            lines.append(f"{run} {pipeline} --params agent={summary.agent},{given}")
    _, refitted = PIPELINES[summary.from_stage]
    told = {"stage": refitted, "candidates": len(summary.candidates), "n_seeds": len(summary.seeds)}
    given = ",".join(f"hpo.refit.{key}={value}" for key, value in told.items())
    lines.append(f"{run} refit --params agent={summary.agent},{given}")
    lines.append(f"{run} export --params agent={summary.agent},export.onnx={str(config.onnx).lower()}")
    return lines
