"""The object that MLflow unpickles where a model is used: a Kedro pipeline that leaves the standard output alone."""

from __future__ import annotations

import logging
import sys

TO_STANDARD_ERROR = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"standard error": {"class": "logging.StreamHandler"}},
    "loggers": {"kedro": {"level": "WARNING"}, "kedro_mlflow": {"level": "WARNING"}},
    "root": {"handlers": ["standard error"], "level": "WARNING"},
}


def _move_kedros_log() -> None:
    """Kedro logs to the standard output from its import on, and ``mlflow models predict`` writes its answer there.

    Where Kedro is at work already, in a project or a notebook, its log is left as it is.
    """
    if "kedro.framework.project" in sys.modules:
        return
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        from kedro.framework.project import LOGGING

        LOGGING.configure(TO_STANDARD_ERROR)
    finally:
        logging.disable(before)


_move_kedros_log()  # Before the next line, which imports Kedro.

from kedro_mlflow.mlflow import KedroPipelineModel  # noqa: E402


class ServedModel(KedroPipelineModel):
    """kedro-mlflow's model; as it is unpickled by this name, this module is imported before Kedro is."""
