"""What an epoch takes, measured before the first trial in a minute of real training steps, and kept for the next command."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from pydantic import Field, FiniteFloat

from psy_agents.corpus.corpus import Corpus
from psy_agents.errors import UserError
from psy_agents.files.schema import Schema
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.engine.seeds import derive_seed
from psy_agents.hpo.estimate import Pace
from psy_agents.hpo.kept import keep, kept
from psy_agents.hpo.protocol import TrialOutcome, TrialSpec
from psy_agents.hpo.search_setup import SearchSetup, TimingSetup
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.store import digest
from psy_agents.hpo.study.topk import installed_versions
from psy_agents.hpo.trials_per_gpu import GpuMeter
from psy_agents.hpo.workers.layout import Layout, TimeOnGpu, choose_layout
from psy_agents.hpo.workers.resources import device_name
from psy_agents.hpo.workers.timers import Timers, next_messages, reason_of
from psy_agents.hpo.workers.worker import PRELOADED, preload
from psy_agents.hpo.workers.worker_process import Finished
from psy_agents.training.config import TrainingSettings

log = logging.getLogger(__name__)

DRAWS = 8  # Trials that are measured at most.
SHARE = 0.05  # Of the time that a stage is expected to take: measuring takes no more, but for the first trials.
OF_ONE_TRIAL = 1 / 6  # Share of the seconds for the steps of one trial.


class Measurement(Schema):
    """The seconds of an epoch of some of a search's trials, on one device."""

    agent: str
    device: str
    encoders: tuple[str, ...]
    workers: int = Field(ge=1, description="Processes that measured at a time, as many as the search has.")
    seconds_per_epoch: tuple[FiniteFloat, ...] = Field(min_length=1, description="Of each measured trial.")
    start_seconds: FiniteFloat = Field(ge=0, description="Seconds of what a trial needs once, such as its model: their median.")
    timed_seconds: FiniteFloat = Field(ge=0, description="Seconds of training steps that were timed, all trials and workers together.")
    weights_bytes: int = Field(ge=0, description="Size of the largest trial's weights.")

    def pace(self) -> Pace:
        """As the estimates read it. Which trials end early, or are pruned, was not measured."""
        low, median, high = (float(each) for each in np.quantile(self.seconds_per_epoch, (0.25, 0.5, 0.75)))
        return Pace(
            study=None,
            seconds_per_epoch=median,
            quantiles=(low, high),
            trials=len(self.seconds_per_epoch),
            epoch_share=1.0,
            workers=self.workers,
            checkpoint_bytes=self.weights_bytes,
            start_seconds=self.start_seconds,
            timed_seconds=self.timed_seconds,
            device=self.device,
        )


def measurement_file(
    folder: Path, agent: str, stage: StageConfig, data_hash: str, settings: TrainingSettings, spaces: SearchSpaceConfig
) -> Path:
    """Where a measurement is kept: by agent, corpus, device, space, training settings, workers and versions of packages."""
    described = {
        "agent": agent,
        "corpus": data_hash,
        "device": device_name(),
        "space": spaces.space(agent, stage.space, settings).canonical(),
        "training": settings.model_dump(mode="json"),
        "workers": stage.workers.model_dump(mode="json", include={"count", "threads", "per_gpu"}),
        "versions": installed_versions(),
    }
    return folder / f"{agent}-{digest(described)[:8]}.json"


@dataclass(frozen=True)
class PaceMeter:
    """Measures what an epoch of an agent's trials takes on this machine, and keeps it.

    Attributes:
        folder: of the kept measurements; None: nothing is measured.
    """

    corpus: Corpus
    settings: TrainingSettings
    spaces: SearchSpaceConfig
    folder: Path | None

    def measure(self, agent: str, stage: StageConfig, epochs: int) -> Pace | None:
        """The kept measurement of the agent's trials in the stage's space, or a new one.

        Args:
            epochs: epochs of all stages that the measurement is for: a short search is measured for less time.

        Returns:
            None where nothing is measured: it is turned off, the trials run on a cluster, or no trial could run, which is logged.
        """
        seconds = stage.workers.estimate_seconds
        if self.folder is None or not seconds or stage.workers.executor.name != "local":
            return None
        file = measurement_file(self.folder, agent, stage, self.corpus.fingerprint, self.settings, self.spaces)
        before = kept(file, Measurement)
        if before is not None:
            return before.pace()
        space, device = self.spaces.space(agent, stage.space, self.settings), device_name()
        first = self.spaces.firsts(agent, stage.space, space)
        draws = [*first, *_draws(space, DRAWS)][:DRAWS]
        log.info("%s: no epoch was measured on these data: steps are timed on %s for at most %.0f s", agent, device, seconds)
        try:
            search = SearchSetup(agent, self.settings, self.corpus)
            meter = GpuMeter.of_stage(search, self.spaces, stage, self.folder)
            outcomes, layout = _time_epochs(search, stage, draws, epochs, meter.rates)
        except UserError as error:  # The search will say so too, and where it is one of several, the others go on.
            log.warning("%s: %s", agent, f"no epoch could be measured, so there is no estimate of its time: {error}")
            return None
        found = Measurement(
            agent=agent,
            device=device,
            encoders=tuple(self.spaces.encoders(agent, stage.space, self.settings)),
            workers=layout.workers,
            seconds_per_epoch=tuple(outcome.value for outcome in outcomes),
            start_seconds=statistics.median(outcome.metrics["start"] for outcome in outcomes),
            timed_seconds=sum(outcome.metrics["timed"] for outcome in outcomes),
            weights_bytes=max(int(outcome.metrics["weights"]) for outcome in outcomes),
        )
        keep(file, found)
        return found.pace()


def _draws(space: SearchSpace, number: int) -> list[dict[str, Any]]:
    """Random trials of the space, always the same."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # It logs each study that it makes in memory.
    try:
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        return [space.suggest(study.ask()) for _ in range(number)]
    finally:
        optuna.logging.set_verbosity(verbosity)


def _time_epochs(
    search: SearchSetup, stage: StageConfig, draws: Sequence[Mapping[str, Any]], epochs: int, time_on_gpu: TimeOnGpu
) -> tuple[list[TrialOutcome], Layout]:
    """Time an epoch of trial after trial, as many at a time as the search runs, until the seconds are over.

    Raises:
        UserError: the agent refuses the corpus, or no trial could run.
    """
    preload(PRELOADED)
    layout, seconds = choose_layout(stage, time_on_gpu=time_on_gpu), stage.workers.estimate_seconds
    setup = TimingSetup(search, seconds * OF_ONE_TRIAL)
    outcomes: list[TrialOutcome] = []
    reasons: list[str] = []
    with Timers("EpochTimer", setup, layout.threads, layout.gpus or (None,), stage.workers.timeouts.startup) as timers:
        workers = timers.start(min(layout.workers, len(draws)))
        begin = last = time.monotonic()
        left = list(enumerate(draws))
        while left and workers:
            chosen = workers[: len(left)]
            for worker in chosen:
                number, params = left.pop(0)
                worker.dispatch(TrialSpec(number, params, derive_seed(0, "timing", number), stage.epochs, stage.patience))
            for worker, message in next_messages(chosen).items():
                if isinstance(message, Finished):
                    outcomes.append(message.outcome)
                else:
                    reasons.append(reason_of(message))
                    workers = [each for each in workers if each is not worker]
            now = time.monotonic()
            spent, wave = now - begin, now - last
            last = now
            limit = seconds
            if outcomes:
                limit = min(seconds, SHARE * epochs * statistics.median(each.value for each in outcomes) / layout.workers)
            if spent + wave > limit:
                break
    if not outcomes:
        raise UserError("; ".join(sorted(set(reasons))))
    return outcomes, layout
