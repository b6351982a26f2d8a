"""Objectives that do to a GPU what goes wrong in a night."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import torch

from psy_agents.hpo.objective import AgentObjective
from psy_agents.hpo.protocol import EpochReport, TrialOutcome


def noted(setup: dict, spec) -> None:
    """A line in the diary: the trial, its process and its divisor."""
    with Path(setup["diary"]).open("a") as diary:
        diary.write(f"{spec.number} {os.getpid()} {spec.micro_batch_divisor}\n")


class Asserting:
    """Multiplies on the GPU; in the trials named by ``mishaps`` a kernel asserts, which ends the process's CUDA context."""

    def __init__(self, setup: dict) -> None:
        self.setup = setup

    def __call__(self, spec, report):
        noted(self.setup, spec)
        value = float((torch.ones(8, 8, device="cuda") @ torch.ones(8, 8, device="cuda")).mean()) / 8
        report(EpochReport(1, value))
        if spec.number in self.setup["mishaps"]:
            torch.arange(4, device="cuda")[torch.tensor([99], device="cuda")]
            torch.cuda.synchronize()
        return TrialOutcome(value, 1, 1, {})


class Capped(AgentObjective):
    """A real training on a GPU of which it may use ``cap`` bytes; None: all. Writes down its most."""

    def __init__(self, setup: dict) -> None:
        self.diary = setup
        if setup["cap"] is not None:
            torch.cuda.set_per_process_memory_fraction(setup["cap"] / torch.cuda.get_device_properties(0).total_memory)
        super().__init__(setup["search"])

    def __call__(self, spec, report):
        noted(self.diary, spec)
        torch.cuda.reset_peak_memory_stats()
        outcome = super().__call__(spec, report)
        peak = {"allocated": torch.cuda.max_memory_allocated(), "reserved": torch.cuda.max_memory_reserved()}
        Path(self.diary["peak"]).write_text(json.dumps(peak))
        return outcome


class Side:
    """Uses the GPU for a while; notes when it began and ended."""

    def __init__(self, setup: dict) -> None:
        self.setup = setup

    def __call__(self, spec, report):
        begin = time.monotonic()
        states = torch.randn(512, 512, device="cuda")
        while time.monotonic() < begin + 1.0:
            states = (states @ states).softmax(-1)
        noted(self.setup, spec)
        with Path(self.setup["times"]).open("a") as file:
            file.write(f"{begin} {time.monotonic()} {os.environ['CUDA_VISIBLE_DEVICES']}\n")
        report(EpochReport(1, 0.5))
        return TrialOutcome(0.5, 1, 1, {})
