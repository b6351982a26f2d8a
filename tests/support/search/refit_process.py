"""A refit as a program that kills itself as soon as a number of its trials are complete; a file holds its pickled arguments."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from optuna.trial import FrozenTrial, TrialState

from psy_agents.hpo.refit.run_refit import run_refit
from psy_agents.hpo.study.trial_writer import TrialWriter


def die_after(ends: int) -> Any:
    """Inside, the trial that completes as the ``ends``-th is stored, and this process is killed."""
    stored, complete = TrialWriter.end, 0

    def end(self: TrialWriter, trial: FrozenTrial, state: TrialState, *args: Any, **kwargs: Any) -> FrozenTrial:
        nonlocal complete
        done = stored(self, trial, state, *args, **kwargs)
        complete += state is TrialState.COMPLETE
        if complete == ends:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    return mock.patch.object(TrialWriter, "end", end)


def main(arguments: Sequence[str]) -> None:
    """Run the refit."""
    file, ends = arguments
    with die_after(int(ends)):
        run_refit(**pickle.loads(Path(file).read_bytes()))
