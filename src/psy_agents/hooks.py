"""Tags on the pipeline's MLflow run: which code, which agent."""

from __future__ import annotations

import subprocess
from typing import Any

from kedro.framework.hooks import hook_impl

from psy_agents.resolvers import PROJECT


def git_commit() -> str:
    """The commit of the code, "+changes" behind it where files differ; "unknown" outside a checkout."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=True
        ).stdout.strip()
        dirty = subprocess.run(
            ["git", "status", "--porcelain"], cwd=PROJECT, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+changes" if dirty else "")


class TrackingHooks:
    """Runs after kedro-mlflow has opened the pipeline's run."""

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        import mlflow

        if mlflow.active_run() is not None:
            mlflow.set_tags(
                {
                    "git_commit": git_commit(),
                    "pipelines": ", ".join(run_params["pipeline_names"] or ["__default__"]),
                    "namespaces": ", ".join(run_params["namespaces"] or ["all"]),
                }
            )
