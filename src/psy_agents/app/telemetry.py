"""Switches off what dependencies would tell others of a run."""

from __future__ import annotations

import importlib
import os
import sys

SILENT = {"DO_NOT_TRACK": "true", "KEDRO_DISABLE_TELEMETRY": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""Environment variables of Kedro's, MLflow's and the hub's own telemetry; a user's values hold."""


def disable_telemetry() -> None:
    """Set the variables; MLflow reads its own when it is imported, which must be later. A packaged project has no ``.telemetry`` file."""
    for name, value in SILENT.items():
        os.environ[name] = os.environ.get(name) or value
    if sys.argv[1:2] == ["viz"]:  # It asks an index for its newest version, and has no setting for that.
        importlib.import_module("kedro_viz.integrations.pypi").get_latest_version = lambda: None
