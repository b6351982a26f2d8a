"""A refit as a program: ``refit_process.py FILE [ENDS]``, where FILE holds its pickled arguments.

With ENDS it kills itself as soon as so many of its trials are complete.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
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


if __name__ == "__main__":
    with die_after(int(sys.argv[2]) if len(sys.argv) > 2 else -1):
        run_refit(**pickle.loads(Path(sys.argv[1]).read_bytes()))
