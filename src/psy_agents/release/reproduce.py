"""The commands that reproduce an agent."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psy_agents.files.schema import parameter_text
from psy_agents.hpo.refit.run_refit import RefitSummary
from psy_agents.release.config import ExportConfig

PIPELINES = {
    "stage0": ("hpo_stage0", "stage0"),
    "stage1": ("hpo_stage1", "stage1"),
    "stage2": ("hpo_stage2", "stage2"),
    "max": ("maximal_hpo", "maximal"),
}
"""Name of a stage -> its pipeline, and its section below ``hpo``."""
DEFAULT_ENVIRONMENT = "local"


def reproduction_commands(
    summary: RefitSummary, searched: tuple[Mapping[str, Any], ...], config: ExportConfig, git_commit: str
) -> list[str]:
    """All commands from the checkout to the export, with the settings of each stage."""
    environment = "" if config.environment == DEFAULT_ENVIRONMENT else f" --env {config.environment}"
    run = f"kedro run{environment} --pipeline"
    lines = [] if git_commit == "unknown" else [f"git checkout {git_commit.removesuffix('+changes')}"]
    lines.append("pip install -c requirements.lock -e .")
    if config.agreement is not None:
        lines.append(f'{run} preprocessing --params data_agreement="YOUR NAME"')
    for stage in searched:
        if stage["stage"] in PIPELINES:
            pipeline, section = PIPELINES[stage["stage"]]
            # The same trials, whether their number or their epochs ended the stage.
            settings = {"n_trials": stage["trials"], "spend": "trials", **{key: stage[key] for key in ("epochs", "patience", "seed")}}
            lines.append(f"{run} {pipeline} {_params(summary, config, {f'hpo.{section}.{key}': each for key, each in settings.items()})}")
    _, section = PIPELINES[summary.from_stage]
    settings = {"stage": section, "candidates": len(summary.candidates), "n_seeds": len(summary.seeds)}
    if summary.halving is not None:
        settings["halving"] = "-".join(map(str, summary.halving))
    settings["resplit"] = summary.resplit
    if summary.ensemble is not None:
        settings |= {"ensemble": summary.ensemble.kind, "ensemble_size": len(summary.ensemble.members)}
    lines.append(f"{run} refit {_params(summary, config, {f'hpo.refit.{key}': each for key, each in settings.items()})}")
    lines.append(f"{run} export {_params(summary, config, {'export.formats': '+'.join(config.formats) or None})}")
    return lines


def _params(summary: RefitSummary, config: ExportConfig, settings: Mapping[str, Any]) -> str:
    """``--params`` of one command: the command-line parameters of the export, and the settings of this step."""
    parameters = {"agent": summary.agent, **config.given, **{name: value for name, value in settings.items() if value is not None}}
    text = ",".join(f"{name}={_without_folders(value)}" for name, value in parameters.items())
    return f"--params {shlex.quote(text)}" if " " in text else f"--params {text}"


def _without_folders(value: Any) -> str:
    """A value in the form of the command line. A folder is replaced by its name: the full path would reveal details of this machine."""
    return Path(value).name if isinstance(value, str) and Path(value).is_dir() else parameter_text(value)
