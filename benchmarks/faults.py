"""Faults of a worker and of a search, for `torture.py`."""

from __future__ import annotations

import errno
import math
import os
import re
import signal
import time
from typing import Any

from psy_agents.hpo.protocol import EpochReport, Report, TrialDiverged

KINDS = ("killed", "exit", "hang", "busy hang", "device", "memory", "disk", "nan", "diverged", "error")


def fail(kind: str, epoch: int, report: Report) -> None:
    """Cause the fault, one of `KINDS`, in this worker."""
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "exit":
        os._exit(3)
    if kind == "hang":
        time.sleep(3600)
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
    """Kill this process just before it commits its write of this number to the store, as a power cut would."""
    import sqlalchemy

    left = number

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "before_cursor_execute")
    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            connection.info["writes"] = True

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "commit")
    def count(connection: Any) -> None:
        nonlocal left
        left -= connection.info.pop("writes", False)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
