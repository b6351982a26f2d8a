"""A command as a user types it: ``kedro ...`` or ``python -m psy_agents ...``, forked from a process that has imported what it needs."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence

import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
import optuna  # noqa: F401
import sklearn.linear_model  # noqa: F401
import torch  # noqa: F401
import transformers.modeling_utils  # noqa: F401
from kedro.framework.session import KedroSession  # noqa: F401

from psy_agents.hpo import objective, run_stage  # noqa: F401
from psy_agents.hpo.refit import run_refit  # noqa: F401
from psy_agents.inference import predictor  # noqa: F401


def main(arguments: Sequence[str]) -> None:
    """Run a command: the arguments are the folder to run it in and the command's words."""
    folder, *words = arguments
    match words:
        case ["kedro", *options]:
            module = "kedro"
        case ["python", "-m", module, *options]:
            pass
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("HPO_", "KEDRO_", "PYTEST_"))]:
        del os.environ[name]
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.argv = [module, *options]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
