"""How many trials at a time one GPU runs fastest: steps of 1, 2, 3, ... workers are timed on it, as many as its memory holds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field, FiniteFloat

from psy_agents.errors import UserError
from psy_agents.files.schema import Schema
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.kept import keep, kept
from psy_agents.hpo.protocol import TrialSpec
from psy_agents.hpo.search_setup import SearchSetup, TimingSetup
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.hpo.study.store import digest
from psy_agents.hpo.study.topk import installed_versions
from psy_agents.hpo.workers.resources import device_name
from psy_agents.hpo.workers.timers import Timers, next_messages, reason_of
from psy_agents.hpo.workers.worker import PRELOADED, Worker, preload
from psy_agents.hpo.workers.worker_process import Reported

log = logging.getLogger(__name__)

SECONDS = 2.0  # For which the steps of one number of workers are timed.
AT_ONCE = 4  # Workers that are started together.
RESERVE = 0.1  # Share of the GPU's memory that stays free: trials differ, and memory fragments.
GAIN = 1.02  # A number of workers that gives no more than this over the best so far is no gain;
PATIENCE = 2  # after so many in a row no larger number is tried.


class GpuRates(Schema):
    """Steps a second of all workers on one GPU together, by their number."""

    agent: str
    device: str
    most: int = Field(ge=1, description="Workers that would have been timed at the most.")
    steps_per_second: dict[int, FiniteFloat] = Field(min_length=1)


@dataclass(frozen=True)
class GpuMeter:
    """Times training steps of several workers on a GPU.

    Attributes:
        params: a trial whose steps are timed.
        largest: the trial with the largest batches: it must fit beside the others.
        folder: of kept measurements; None: none are kept.
        startup: longest start of a worker, in seconds.
    """

    search: SearchSetup
    params: Mapping[str, Any]
    largest: Mapping[str, Any]
    folder: Path | None
    startup: float

    @classmethod
    def of_stage(cls, search: SearchSetup, spaces: SearchSpaceConfig, stage: StageConfig, folder: Path | None) -> GpuMeter:
        """The meter of a stage: the first trial of its space, and the same with the largest batch that the space has."""
        space = spaces.space(search.agent, stage.space, search.settings)
        first = next(iter(spaces.firsts(search.agent, stage.space, space)), {})
        largest = {each.name: each.bounds[1] for each in space.parameters if each.name == "batch_size"}
        return cls(search, first, {**first, **largest}, folder, stage.workers.timeouts.startup)

    def rates(self, gpu: str | None, most: int) -> Mapping[int, float]:
        """Steps a second of all workers together, by their number from 1.

        Args:
            gpu: name for CUDA_VISIBLE_DEVICES; None: as it is set.
            most: workers at the most.

        Returns:
            Those that were timed; none where not even one worker could run, which is logged.
        """
        described = {
            "agent": self.search.agent,
            "corpus": self.search.corpus.fingerprint,
            "device": device_name(),
            "training": self.search.settings.model_dump(mode="json"),
            "trials": [dict(self.params), dict(self.largest)],
            "versions": installed_versions(),
        }
        file = None if self.folder is None else self.folder / f"{self.search.agent}-per-gpu-{digest(described)[:8]}.json"
        before = None if file is None else kept(file, GpuRates)
        if before is not None and (most <= before.most or max(before.steps_per_second) < before.most):
            return {number: rate for number, rate in before.steps_per_second.items() if number <= most}
        log.info("%s: steps of 1 to %d trials at a time are timed on %s", self.search.agent, most, described["device"])
        preload(PRELOADED)
        try:
            with Timers("StepTimer", TimingSetup(self.search, SECONDS, self.largest), 1, (gpu,), self.startup) as timers:
                found = time_numbers(TimingRig(timers, self.params), most)
        except UserError as error:
            log.warning("%s: the number of trials at a time could not be timed: %s", self.search.agent, error)
            return {}
        if file is not None and found:
            keep(file, GpuRates(agent=self.search.agent, device=described["device"], most=most, steps_per_second=found))
        return found


@dataclass(frozen=True)
class Memory:
    """Bytes that a GPU has left, and all that it has."""

    free: float
    total: float


class Rig(Protocol):
    """Workers on one GPU that can be timed."""

    def add(self, number: int) -> list[Memory | None]:
        """Let so many more run their largest step; the memory that is left as each has. A worker that fails ends the list."""

    def rate(self, number: int) -> float | None:
        """Steps a second of the first so many workers together, while the others wait; None where one of them fails."""


def time_numbers(rig: Rig, most: int) -> dict[int, float]:
    """Time 1, 2, 3, ... workers until more of them are no gain twice in a row, or no more fit.

    The memory of a worker is what the second one takes from what was free beside the first.

    Returns:
        Steps a second by number; nothing where the first worker failed.
    """
    left = [*rig.add(1), *(rig.add(1) if most > 1 else [])]
    limit = most if len(left) == min(2, most) else len(left)
    if limit > 1 and None not in left[:2]:
        limit = min(limit, 2 + room_for(*left[:2]))
    rates: dict[int, float] = {}
    without_gain = 0
    for number in range(1, limit + 1):
        if number > len(left):
            wanted = min(AT_ONCE, limit - len(left))
            added = rig.add(wanted)
            left += added
            if len(added) < wanted:
                limit = len(left)
        if number > limit:
            break
        rate = rig.rate(number)
        if rate is None:
            break
        without_gain = 0 if rate > GAIN * max(rates.values(), default=0.0) else without_gain + 1
        rates[number] = rate
        if without_gain == PATIENCE:
            break
    return rates


def room_for(first: Memory, second: Memory) -> int:
    """How many more workers fit beside two, if each takes what the second one took; -1 where the second was one too many."""
    spare = second.free - RESERVE * second.total
    return -1 if spare < 0 else int(spare // max(1.0, first.free - second.free))


class TimingRig:
    """Real workers (`psy_agents.hpo.timing.StepTimer`)."""

    def __init__(self, timers: Timers, params: Mapping[str, Any]) -> None:
        self._timers, self._params = timers, params
        self._ready: list[Worker] = []

    def add(self, number: int) -> list[Memory | None]:
        """Start so many more workers; their first reports come after their largest step."""
        started = self._timers.start(number)
        for worker in started:
            worker.dispatch(TrialSpec(worker.index, self._params, seed=worker.index, epochs=1, patience=1))
        found: list[Memory | None] = []
        for worker, message in next_messages(started).items():
            if not isinstance(message, Reported):
                log.info("no more than %d trials at a time fit: another one ended (%s)", len(self._ready), reason_of(message))
                worker.kill()
                continue
            self._ready.append(worker)
            free = message.report.metrics
            found.append(Memory(free["free"], free["total"]) if free else None)
        return found

    def rate(self, number: int) -> float | None:
        """Let the first so many time a round at once."""
        timed = self._ready[:number]
        for worker in timed:
            worker.answer(True)
        reports = next_messages(timed).values()
        lost = [reason_of(message) for message in reports if not isinstance(message, Reported)]
        if lost:
            log.info("%d trials at a time do not fit: one of them ended (%s)", number, lost[0])
            return None
        return sum(message.report.value for message in reports)
