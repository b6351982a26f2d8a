"""Small objectives whose behaviour a test chooses by the setup; no model is trained."""

from __future__ import annotations

import math
import os
import re
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from support.waiting import wait_for

from psy_agents.errors import UserError
from psy_agents.hpo.protocol import EpochReport, TrialDiverged, TrialOutcome, TrialPruned

CANARY = "canary-sentence-of-a-post"


class Curve:
    """A learning curve that rises to a height given by x; ``setup`` maps a trial's number to a mishap.

    With ``processes`` in the setup, a trial continues once trials have begun in so many worker processes.
    """

    def __init__(self, setup: dict) -> None:
        self.setup = setup

    def __call__(self, spec, report):
        best, diary = None, Path(self.setup["diary"])
        print("trial", spec.number, "runs")
        with diary.open("a") as file:
            file.write(f"{spec.number} {os.getpid()} {spec.micro_batch_divisor}\n")
        wait_for(lambda: len({line.split()[1] for line in diary.read_text().splitlines()}) >= self.setup.get("processes", 1))
        for epoch in range(1, spec.epochs + 1):
            time.sleep(self.setup.get("pause", 0.0))
            kind = self.setup.get("mishaps", {}).get(spec.number)
            if epoch == 2 and kind in ("hang", "hang hard"):
                Path(self.setup["hung"]).touch()
            mishap(kind, epoch, spec, report)
            value = (1 - (spec.params["x"] - 0.7) ** 2) * (1 - 0.5**epoch)
            if best is None or value > best[0]:
                best = (value, epoch)
                if spec.checkpoint:
                    spec.checkpoint.mkdir(parents=True, exist_ok=True)
                    (spec.checkpoint / "weights").write_text(str(value))
            if not report(EpochReport(epoch, value, {"f1": value, "loss": float("nan")}, {"parameters": 7.0, "ms_per_post": 10.0 * epoch})):
                raise TrialPruned
        return TrialOutcome(best[0], best[1], spec.epochs, {"f1": best[0], "seed": float(spec.seed)})


def mishap(kind: str | None, epoch: int, spec, report) -> None:
    """Fail from the second epoch on."""
    if kind is None or epoch < 2:
        return
    if kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "exit":
        os._exit(3)
    if kind == "hang":
        time.sleep(3600)
    if kind == "hang hard":
        re.match("(a+)+$", "a" * 64 + "b")  # Lets no other thread run.
    if kind == "cuda":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if kind == "nan":
        report(EpochReport(epoch, math.nan))
    if kind == "diverge":
        raise TrialDiverged("loss is nan in optimiser step 7")
    if kind == "memory always" or (kind == "memory" and spec.micro_batch_divisor == 1):
        raise MemoryError
    if kind == "memory limit":
        limit_memory()
        np.empty(2**31 // spec.micro_batch_divisor, dtype=np.uint8)  # 2 GiB, of which half would fit.
    if kind == "torch memory limit":
        import torch

        limit_memory()
        torch.empty(2**31 // spec.micro_batch_divisor, dtype=torch.uint8)
    if kind == "disk":
        spec.checkpoint.mkdir(parents=True, exist_ok=True)
        (spec.checkpoint / "half a file").write_text("x")
        Path("/dev/full").write_text("weights")
    if kind == "file limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        (spec.checkpoint / "weights").write_bytes(bytes(5000))
    if kind == "error":
        raise ValueError(CANARY)
    if kind == "refuse":
        raise UserError("There is no encoder folder models/missing.")


def limit_memory() -> None:
    """Allow this process 1.5 GiB more than it has."""
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 3 * 2**29, resource.RLIM_INFINITY))


class Broken:
    """Cannot be made."""

    def __init__(self, setup: dict) -> None:
        raise ValueError(CANARY)


class Dying:
    """Dies while it is made."""

    def __init__(self, setup: dict) -> None:
        os._exit(3)


class Early(Curve):
    """A curve that ends after a share of the epochs that x gives, as one that patience ends."""

    def __call__(self, spec, report):
        return super().__call__(replace(spec, epochs=1 + int(spec.params["x"] * (spec.epochs - 1))), report)


class Constant(Curve):
    """A curve whose every value is 0.25, until the file ``repaired`` lies beside the diary."""

    def __call__(self, spec, report):
        if Path(self.setup["diary"]).with_name("repaired").exists():
            return super().__call__(spec, report)
        return super().__call__(spec, lambda each: report(replace(each, value=0.25)))
