"""What measuring workers run: trials so short that only their steps are timed (`measurement.PaceMeter`)."""

from __future__ import annotations

import time

import torch

from psy_agents.hpo.objective import new_run
from psy_agents.hpo.protocol import EpochReport, Report, TrialOutcome, TrialSpec
from psy_agents.hpo.search_setup import TimingSetup
from psy_agents.training.timing import longest_step, steps_per_second, time_epoch


class EpochTimer:
    """Times one epoch of a trial.

    The outcome's value is its seconds. Its metrics: ``timed``, seconds of timed steps; ``start``, those of what a trial needs once;
    ``weights``, bytes.
    """

    def __init__(self, setup: TimingSetup) -> None:
        self.setup, self.data = setup, setup.search.new_training_data()

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        begin = time.monotonic()
        run = new_run(self.setup.search, dict(spec.params), self.data, spec, keep_weights=False)
        start = time.monotonic() - begin
        epoch = time_epoch(run, self.setup.seconds)
        saved = run.agent.trained_weights() if run.config.lora_rank else run.agent.state_dict()
        weights = sum(weight.numel() * weight.element_size() for weight in saved.values())
        return TrialOutcome(epoch.total, 1, 1, {"timed": epoch.timed, "start": start + epoch.prepared, "weights": float(weights)})


class StepTimer:
    """Runs the longest step of the largest trial, then times steps of a trial in rounds until it is stopped.

    It reports once before the first round, and after each: steps a second (0 before the first), and on a GPU ``free``, the bytes that
    the device has left beside all processes on it.
    """

    def __init__(self, setup: TimingSetup) -> None:
        self.setup, self.data = setup, setup.search.new_training_data()

    def __call__(self, spec: TrialSpec, report: Report) -> TrialOutcome:
        longest_step(new_run(self.setup.search, dict(self.setup.largest), self.data, spec, keep_weights=False))
        run = new_run(self.setup.search, dict(spec.params), self.data, spec, keep_weights=False)
        number, rate = 1, 0.0
        while report(EpochReport(number, rate, _free_memory(run.device))):
            rate = steps_per_second(run, self.setup.seconds)
            number += 1
        return TrialOutcome(rate, 1, number, {})


def _free_memory(device: torch.device) -> dict[str, float]:
    if device.type != "cuda":
        return {}
    free, total = torch.cuda.mem_get_info(device)
    return {"free": float(free), "total": float(total)}
