"""The trials of a stage: which to run next, with which parameters, and what is stored of each.

Everything that decides what happens next is derived from the study. So the same command, run again after any crash,
continues where the last one stopped and ends by the same rule.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from psy_agents.hpo.config import MedianPruner, RungsPruner, StageConfig
from psy_agents.hpo.engine.pruner import median_pruner
from psy_agents.hpo.engine.rungs import RungDecision, decide_at_rung
from psy_agents.hpo.engine.seeds import derive_seed
from psy_agents.hpo.protocol import EpochReport, TrialOutcome
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.checkpoints import Checkpoints
from psy_agents.hpo.study.history import TrialHistory
from psy_agents.hpo.study.in_memory_study import InMemoryStudy
from psy_agents.hpo.study.observations import Observation
from psy_agents.hpo.study.records import Failure, TrialRecord, finite_or_none, record_of
from psy_agents.hpo.study.sampler_study import SamplerStudy
from psy_agents.hpo.study.trial_writer import TrialWriter
from psy_agents.training.learning_curve import best_epoch, best_value


@dataclass(eq=False)
class RunningTrial:
    """A trial on a worker."""

    trial: FrozenTrial
    record: TrialRecord
    started: float
    reports: list[EpochReport] = field(default_factory=list)
    decisions: list[RungDecision] = field(default_factory=list)

    @property
    def values(self) -> list[float]:
        """Its values by epoch."""
        return [report.value for report in self.reports]


class StageTrials:
    """Asks for the stage's trials and stores their epochs and ends; only the owner of the study may have one.

    Trials that the study holds as running were orphaned by a run that died: they are stored as failed.

    Args:
        enqueued: complete parameters of the trials that go first.
        seeds: of the first trials; all others are derived from the stage's seed and the trial's index.
        study_attributes: attributes of the study that are stored with each trial's end.
        earlier: observations of earlier stages, the earliest first, for the sampler.
    """

    def __init__(
        self,
        config: StageConfig,
        space: SearchSpace,
        enqueued: Sequence[Mapping[str, Any]],
        seeds: Sequence[int],
        study: optuna.Study,
        writer: TrialWriter,
        checkpoints: Checkpoints,
        study_attributes: Callable[[], Mapping[str, Any]],
        earlier: Sequence[Observation] = (),
    ) -> None:
        self._config, self._space, self._enqueued, self._seeds = config, space, enqueued, seeds
        self._writer, self._checkpoints, self._study_attributes = writer, checkpoints, study_attributes
        self._running: list[RunningTrial] = []
        self._varies = False  # Whether two epochs are known to differ; then the objective is never constant.
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
            writer.end(trial, TrialState.FAIL, attrs=_failure(Failure.ORPHAN, "the run that started it ended"))
        trials = study.get_trials(deepcopy=False)
        self.history = TrialHistory(
            trials, n_trials=config.n_trials, max_retries=config.workers.max_retries, epochs_per_trial=config.epochs_per_trial
        )
        # Of Optuna's pruner only: rungs read the history.
        self._in_memory = InMemoryStudy(trials, median_pruner(config)) if isinstance(config.pruner, MedianPruner) else None
        self._sampler_study = SamplerStudy(space, earlier)
        # A run that died before it could. A stage that ended with a result stays as it is: a later one may have observed it.
        if self.history.pending() or not any(trial.state is TrialState.COMPLETE for trial in self.history.final_attempts()):
            self.discard_failures_in_a_row()
        self._tidy(self.history.final_attempts())

    def begin(self, index: int, worker: int) -> RunningTrial:
        """Store the next trial of an index as running: a retry, an enqueued trial, or a proposal of the sampler."""
        params, attrs = self._ask(index)
        attrs = {
            "index": index,
            "seed": self._seeds[index] if index < len(self._seeds) else derive_seed(self._config.seed, "trial", index),
            "enqueued": index < len(self._enqueued),
            "worker": worker,
            **attrs,
        }
        trial = self._writer.begin(params, self._space.distributions(params), attrs)
        self._update(trial)
        running = RunningTrial(trial, record_of(trial, final=False), time.monotonic())
        self._running.append(running)
        return running

    def should_stop(self, running: RunningTrial, report: EpochReport) -> bool:
        """Take in an epoch, and ask the pruner; a trial in its last epoch is never stopped."""
        running.reports.append(report)
        last = report.epoch >= self._config.epochs
        if self._in_memory is not None:  # It takes in the last epoch, too: later trials are compared with it.
            return self._in_memory.should_stop(running.record.number, report.epoch, report.value) and not last
        return not last and isinstance(self._config.pruner, RungsPruner) and self._stops_at_rung(running)

    def _stops_at_rung(self, running: RunningTrial) -> bool:
        """Compare a trial with those that end or ended their index: an attempt that is repeated competes with none."""
        others = [trial for trial in self.history.valid_attempts() if trial.number != running.record.number]
        curves = [[value for _, value in sorted(trial.intermediate_values.items())] for trial in others]
        decision = decide_at_rung(self._config.pruner, running.values, curves)
        if decision is None:
            return False
        running.decisions.append(decision)
        return decision.stop

    def store_epoch(self, running: RunningTrial, report: EpochReport) -> None:
        """Store an epoch's value."""
        self._writer.report(running.trial, report.epoch, report.value)

    def finish(self, running: RunningTrial, outcome: TrialOutcome | None) -> TrialRecord:
        """Store a trial that has completed; without an outcome it was pruned."""
        if outcome is None:
            value = best_value(running.values) if running.reports else None
            return self._end(running, TrialState.PRUNED, value, {**_progress(running), **_why_stopped(running)})
        self._checkpoints.accept(running.record.number)
        return self._end(running, TrialState.COMPLETE, outcome.value, _progress(running, outcome))

    def fail(self, running: RunningTrial, failure: Failure, reason: str) -> TrialRecord:
        """Store a trial that failed."""
        return self._end(running, TrialState.FAIL, None, {**_progress(running), **_failure(failure, reason)})

    def discard_constant(self) -> float | None:
        """Fail all ended trials where the objective is constant, so that they are run again; returns its value, or None.

        It is constant if ``constant_after`` trials are complete, and every epoch of every complete or pruned trial has the same value.
        """
        ended = [trial for trial in self.history.final_attempts() if trial.state is not TrialState.FAIL]
        complete = sum(trial.state is TrialState.COMPLETE for trial in ended)
        if self._varies or self._config.constant_after is None or complete < self._config.constant_after:
            return None
        values = {value for trial in ended for value in trial.intermediate_values.values()}
        self._varies = len(values) > 1
        if len(values) != 1:
            return None
        for trial in self._writer.discard(ended, _failure(Failure.CONSTANT, "every epoch of every trial has the same value")):
            self.history.update(trial)
        return values.pop()

    def discard_failures_in_a_row(self) -> str | None:
        """Leave unsettled what failed unexpectedly in a row at one place, so that it is run again; returns the place, or None."""
        found = self.history.failures_in_a_row()
        if found is None:
            return None
        place, trials = found
        for trial in self._writer.discard(trials, {"failure": str(Failure.REPEATED)}):
            self.history.update(trial)
        return place

    def records(self) -> tuple[TrialRecord, ...]:
        """The final attempt of each finished index."""
        return tuple(self._record(trial, final=True) for trial in self.history.final_attempts())

    def _ask(self, index: int) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """The parameters of the index's next attempt, and of a retry its attributes."""
        retry = self.history.retry(index)
        if retry is not None:
            return retry.params, {"retry_of": retry.retry_of, "micro_batch_divisor": retry.micro_batch_divisor}
        if index < len(self._enqueued):
            return self._enqueued[index], {}
        # With the index alone, all stages would draw the same points of their spaces.
        seed = derive_seed(self._config.seed, f"sampler of {self._config.name}", index)
        running = sorted((each.trial for each in self._running), key=lambda trial: trial.user_attrs["index"])
        sampler = self._config.sampler.build(seed, self._space)
        return self._sampler_study.propose(sampler, self.history.final_attempts(), running), {}

    def _end(self, running: RunningTrial, state: TrialState, value: float | None, attrs: Mapping[str, Any]) -> TrialRecord:
        self._running.remove(running)
        trial = self._writer.end(running.trial, state, value, attrs=attrs, study_attrs=self._study_attributes())
        self._update(trial)
        self._tidy([trial])
        return self._record(trial, final=self.history.is_finished(running.record.index))

    def _update(self, trial: FrozenTrial) -> None:
        self.history.update(trial)
        if self._in_memory is not None:
            self._in_memory.update(trial)

    def _tidy(self, ended: Sequence[FrozenTrial]) -> None:
        self._checkpoints.tidy(ended, [running.record.number for running in self._running])

    def _record(self, trial: FrozenTrial, *, final: bool) -> TrialRecord:
        return record_of(trial, final=final, checkpoint=self._checkpoints.kept(trial.number))


def _failure(failure: Failure, reason: str) -> dict[str, str]:
    return {"failure": str(failure), "reason": reason}


def _why_stopped(running: RunningTrial) -> dict[str, str]:
    return {"reason": running.decisions[-1].sentence()} if running.decisions and running.decisions[-1].stop else {}


def _progress(running: RunningTrial, outcome: TrialOutcome | None = None) -> dict[str, Any]:
    """The attributes of an ended trial: its epochs, decisions at rungs, and the best epoch of its outcome or else of its reports."""
    attrs: dict[str, Any] = {"seconds": round(time.monotonic() - running.started, 3)}
    if running.reports:
        names = list(dict.fromkeys(name for report in running.reports for name in report.metrics))
        rows = [finite_or_none(report.metrics) for report in running.reports]
        attrs["epochs"] = {
            "epoch": [report.epoch for report in running.reports],
            "value": running.values,
            "metrics": {name: [row.get(name) for row in rows] for name in names},
        }
        best = running.reports[best_epoch(running.values) - 1]
        attrs |= {
            "best_epoch": best.epoch,
            "epochs_run": len(running.reports),
            "metrics": finite_or_none(best.metrics),
            "raw_value": best.value,
        }
        if running.reports[-1].cost:  # The last one is measured over the most epochs.
            attrs["cost"] = dict(running.reports[-1].cost)
    if running.decisions:
        attrs["rungs"] = [{**asdict(decision), "stop": decision.stop} for decision in running.decisions]
    if outcome is not None:
        attrs |= {
            "best_epoch": outcome.best_epoch,
            "epochs_run": outcome.epochs_run,
            "metrics": finite_or_none(outcome.metrics),
            "raw_value": outcome.raw_value,
        }
    return attrs
