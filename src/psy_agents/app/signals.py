"""SIGTERM and Ctrl-C end a run in the same way."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click


class Terminated(KeyboardInterrupt):
    """The run received SIGTERM."""

    signal = signal.SIGTERM


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C: end the open MLflow runs as KILLED and exit with 128 plus the signal's number."""

    def interrupt(_signum: int, _frame: object) -> None:
        raise Terminated("stopped by SIGTERM")

    try:
        previous = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # Only the main thread may set signal handlers.
        previous = None
    outer = active_mlflow_run()
    try:
        yield
    except KeyboardInterrupt as error:
        while (run := active_mlflow_run()) is not None and run != outer:
            sys.modules["mlflow"].end_run("KILLED")
        if click.get_current_context(silent=True) is None:
            raise
        click.echo(f"Stopped: {error or 'interrupted'}", err=True)
        raise click.exceptions.Exit(128 + getattr(error, "signal", signal.SIGINT)) from None
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def active_mlflow_run() -> str | None:
    """The id of the active MLflow run; None if there is none."""
    mlflow = sys.modules.get("mlflow")
    run = mlflow.active_run() if mlflow is not None else None
    return None if run is None else run.info.run_id
