"""A stage or a refit as a program that kills itself as soon as a number of its trials are complete."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import transformers.modeling_utils  # noqa: F401
from optuna.trial import FrozenTrial, TrialState
from support.programs.preloaded import start

from psy_agents.hpo.refit.run_refit import run_refit
from psy_agents.hpo.run_stage import run_stage
from psy_agents.hpo.study.trial_writer import TrialWriter

FUNCTIONS = {function.__name__: function for function in (run_stage, run_refit)}


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


def run_killed(function: Callable, given: Mapping[str, Any], folder: Path, ends: int) -> None:
    """Run it in a process of its own, which is killed once so many of its trials are complete; its arguments lie in the folder."""
    (folder / "given").write_bytes(pickle.dumps(dict(given)))
    started = start("support.search.dying_process", function.__name__, str(folder / "given"), str(ends))
    assert started.wait() == -signal.SIGKILL, started.errors()


def main(arguments: Sequence[str]) -> None:
    """Run the named function with the arguments that the file holds."""
    name, file, ends = arguments
    with die_after(int(ends)):
        FUNCTIONS[name](**pickle.loads(Path(file).read_bytes()))
