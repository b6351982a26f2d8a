"""The signals that ask a run to stop. Nothing here imports Optuna."""

from __future__ import annotations

import signal


def stop_signals() -> tuple[signal.Signals, ...]:
    """Ctrl-C, SIGTERM, a terminal that closes, and Slurm's warning before its time limit (``sbatch --signal=USR1@60``).

    A signal that this process was started to ignore stays ignored: ``nohup`` does so with SIGHUP.
    """
    asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    return tuple(number for number in asked if signal.getsignal(number) is not signal.SIG_IGN)
