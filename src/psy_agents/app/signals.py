"""How a run ends when it is told to stop."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click


class Terminated(KeyboardInterrupt):
    """SIGTERM."""

    signal = signal.SIGTERM


@contextmanager
def interrupts() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does, end MLflow's runs as killed, and exit as a shell expects."""

    def interrupt(_signum: int, _frame: object) -> None:
        raise Terminated("stopped by SIGTERM")

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # Not the main thread: whoever owns it decides.
        before = None
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
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def active_mlflow_run() -> str | None:
    """Its id, where MLflow is in use."""
    mlflow = sys.modules.get("mlflow")
    run = mlflow.active_run() if mlflow is not None else None
    return None if run is None else run.info.run_id
