"""Objectives that do to a GPU what goes wrong in a night."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from psy_agents.hpo.objective import AgentObjective
from psy_agents.hpo.protocol import EpochReport, TrialOutcome
from psy_agents.training.step.graphs import CudaGraphs, Repeated


def noted(setup: dict, spec) -> None:
    """A line in the diary: the trial, its process and its divisor."""
    with Path(setup["diary"]).open("a") as diary:
        diary.write(f"{spec.number} {os.getpid()} {spec.micro_batch_divisor}\n")


def in_a_graph(function: Callable[[], Any]) -> Callable[[], Any]:
    """The function after its first call: the next one captures it."""
    graphs = CudaGraphs(torch.device("cuda", torch.cuda.current_device()), "steps", "training.cuda_graphs")

    def on_stream() -> Any:
        with graphs.on_stream():
            return repeated()

    repeated = Repeated(function, graphs)
    on_stream()
    return on_stream


class Asserting:
    """Multiplies on the GPU; in the trials named by ``mishaps`` a kernel asserts, which ends the process's CUDA context.

    ``captured``: the kernel is part of a graph that is replayed.
    """

    def __init__(self, setup: dict) -> None:
        self.setup = setup

    def __call__(self, spec, report):
        noted(self.setup, spec)
        value = float((torch.ones(8, 8, device="cuda") @ torch.ones(8, 8, device="cuda")).mean()) / 8
        report(EpochReport(1, value))
        if spec.number in self.setup["mishaps"]:
            table, index = torch.arange(4, device="cuda"), torch.zeros(1, dtype=torch.long, device="cuda")
            look_up = lambda: table[index]  # noqa: E731
            if self.setup["captured"]:
                look_up = in_a_graph(look_up)
                look_up()
            index.fill_(99)
            look_up()
            torch.cuda.synchronize()
        return TrialOutcome(value, 1, 1, {})


class TooLargeForAGraph:
    """A capture needs more memory than there is, unless the micro-batch was halved."""

    def __init__(self, setup: dict) -> None:
        self.setup = setup

    def __call__(self, spec, report):
        noted(self.setup, spec)
        sizes = [1024]
        allocate = in_a_graph(lambda: torch.empty(sizes[0], dtype=torch.uint8, device="cuda"))
        if spec.micro_batch_divisor == 1:
            sizes[0] = 2 * torch.cuda.get_device_properties(0).total_memory
        allocate()
        report(EpochReport(1, 0.5))
        return TrialOutcome(0.5, 1, 1, {})


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
