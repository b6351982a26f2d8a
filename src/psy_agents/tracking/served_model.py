"""The class that MLflow unpickles to use a model: a Kedro pipeline that writes nothing to the standard output."""

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


def _redirect_kedro_log() -> None:
    """Send Kedro's log to the standard error, as ``mlflow models predict`` writes its answer to the standard output.

    Kedro logs from its import on. If it is imported already, in a project or a notebook, its log is not changed.
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


_redirect_kedro_log()  # Before the next line, which imports Kedro.

from kedro_mlflow.mlflow import KedroPipelineModel  # noqa: E402


class ServedModel(KedroPipelineModel):
    """kedro-mlflow's model; unpickling it imports this module, and thus redirects the log, before it imports Kedro."""
