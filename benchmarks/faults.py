"""Ways in which a worker or a search goes wrong, for the torture benchmark and for the tests; light to import in a worker."""

from __future__ import annotations

import errno
import math
import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any

from psy_agents.hpo.protocol import EpochReport, Report, TrialDiverged

KINDS = ("killed", "exit", "hang", "busy hang", "device", "memory", "disk", "nan", "diverged", "error")
WRITES = (
    "create_new_study", "create_new_trial", "set_trial_param", "set_trial_state_values", "set_trial_intermediate_value",
    "set_trial_user_attr", "set_study_user_attr", "set_trial_system_attr", "set_study_system_attr",
)  # fmt: skip


def go_wrong(kind: str, epoch: int, report: Report) -> None:
    """In the way that the kind says."""
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "exit":
        os._exit(3)
    if kind == "hang":
        time.sleep(1000)
    if kind == "busy hang":
        re.match("(a+)+$", "a" * 64 + "b")  # Lets no other thread run.
    if kind == "device":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if kind == "memory":
        raise MemoryError
    if kind == "disk":
        raise OSError(errno.ENOSPC, "No space left on device")
    if kind == "nan":
        report(EpochReport(epoch, math.nan))
    if kind == "diverged":
        raise TrialDiverged("loss is nan in optimiser step 7")
    if kind == "error":
        raise ValueError("a fault of the objective")


def die_before_write(number: int) -> None:
    """End this process, as a power cut would, just before the store is written to for so many times."""
    from optuna.storages import RDBStorage

    left = number

    def counted(write: Callable) -> Callable:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(self, *args, **kwargs)

        return method

    for name in WRITES:
        setattr(RDBStorage, name, counted(getattr(RDBStorage, name)))
