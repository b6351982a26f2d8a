"""SIGTERM, SIGHUP, SIGUSR1 and Ctrl-C end a run in the same way."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from psy_agents.hpo.engine.stop_signals import stop_signals
from psy_agents.tracking.failures import mlflow_may_fail


class Terminated(KeyboardInterrupt):
    """The run received a signal that asks it to stop."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signal = signum


@contextmanager
def signals_as_interrupt() -> Iterator[None]:
    """Treat these signals as Ctrl-C: end the open MLflow runs as KILLED and exit with 128 plus the signal's number."""

    def interrupt(signum: int, _frame: object) -> None:
        raise Terminated(signum)

    previous = {}
    if threading.current_thread() is threading.main_thread():  # Only there may handlers be set.
        previous = {number: signal.signal(number, interrupt) for number in stop_signals() if number is not signal.SIGINT}
    outer = active_mlflow_run()
    try:
        yield
    except KeyboardInterrupt as error:
        while (run := active_mlflow_run()) is not None and run != outer:
            with mlflow_may_fail("its run is ended by the next command"):
                sys.modules["mlflow"].end_run("KILLED")
        if click.get_current_context(silent=True) is None:
            raise
        with contextlib.suppress(OSError):  # The terminal may be gone.
            click.echo(f"Stopped: {error or 'interrupted'}", err=True)
        raise click.exceptions.Exit(128 + getattr(error, "signal", signal.SIGINT)) from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def active_mlflow_run() -> str | None:
    """The id of the active MLflow run; None if there is none."""
    mlflow = sys.modules.get("mlflow")
    run = mlflow.active_run() if mlflow is not None else None
    return None if run is None else run.info.run_id
