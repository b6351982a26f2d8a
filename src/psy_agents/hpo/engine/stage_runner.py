"""A stage of the search, run by one writer: ask, dispatch, report, prune, tell, until exactly n trials are done.

Everything that decides what happens next is derived from the study, so that the same command, run again after any
crash, goes on where the last one stopped and ends at the same number of trials.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial, TrialState

from psy_agents.errors import UserError, where
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.engine.interruption import SearchInterrupted, interrupt_signal
from psy_agents.hpo.engine.pruner import new_pruner
from psy_agents.hpo.engine.sampler import refuse_state
from psy_agents.hpo.engine.seeds import derive_seed
from psy_agents.hpo.engine.summary import repeated, stage_summary
from psy_agents.hpo.engine.worker_time import SlotClock
from psy_agents.hpo.protocol import EpochReport, TrialOutcome, TrialSpec
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.checkpoints import Checkpoints
from psy_agents.hpo.study.ledger import INFRASTRUCTURE, Ledger
from psy_agents.hpo.study.memory_copy import StudyCopy
from psy_agents.hpo.study.records import Callback, Failure, StageInfo, StageResult, TrialRecord, best_record, finite_or_none, record_of
from psy_agents.hpo.study.store import StudyStore, digest
from psy_agents.hpo.study.topk import installed_versions
from psy_agents.hpo.workers import worker_process as worker
from psy_agents.hpo.workers.executor import dask_workers
from psy_agents.hpo.workers.layout import choose_layout
from psy_agents.hpo.workers.worker import Lost, Slot, preload

log = logging.getLogger(__name__)


@dataclass
class _Running:
    """A trial on a slot."""

    trial: FrozenTrial
    record: TrialRecord
    started: float
    reports: list[EpochReport] = field(default_factory=list)


class StageRunner:
    """Runs a stage's trials to their number, or until its time is up.

    Args:
        enqueued: parameters of the trials that go first; defaults fill in what they leave out.
        seeds: of the first trials; all others' are derived from the stage's seed and the trial's index.
        store: open, that is, inside its ``with`` block.
        objective: ``module:Class``, made in each worker as ``Class(setup)``.
        checkpoint_root: folder of this study's weights, and of nothing else.
        attributes: JSON values describing the study, such as agent, space_hash, data_hash and versions.
        log_dir: folder for what trials print, one file each; None prints to this process's output.
        preload_modules: imported once, before the workers are forked, and so is the objective's.
    """

    def __init__(
        self,
        config: StageConfig,
        space: SearchSpace,
        enqueued: Sequence[Mapping[str, Any]],
        store: StudyStore,
        study_name: str,
        *,
        objective: str,
        setup: Any,
        checkpoint_root: Path,
        seeds: Sequence[int] = (),
        callbacks: Sequence[Callback] = (),
        attributes: Mapping[str, Any] | None = None,
        log_dir: Path | None = None,
        preload_modules: tuple[str, ...] = ("torch", "transformers.modeling_utils"),
    ) -> None:
        self.config, self.space, self.store = config, space, store
        if isinstance(config.n_trials, dict):
            raise ValueError("the stage's number of trials depends on the agent: give the engine config.of_agent(agent)")
        self.enqueued = [space.complete(params) for params in enqueued][: config.n_trials]
        self.seeds = tuple(seeds)
        self.study_name, self.callbacks = study_name, tuple(callbacks)
        self.attributes = dict(attributes or {})
        self.checkpoints = Checkpoints(Path(checkpoint_root), config.keep_checkpoints)
        self._objective, self._setup, self._log_dir = objective, setup, log_dir
        self._preload = (*preload_modules, objective.partition(":")[0])
        self._running: dict[Slot, _Running] = {}
        self._failed_starts = 0
        self._news: list[tuple[str, tuple[Any, ...]]] = []  # Events that the callbacks have not had yet.

    def run(self) -> StageResult:
        """Run until every trial is settled, at once where they are, or time is up: then running trials are finished.

        Raises:
            UserError: another process has the study, the store does not answer, the objective refused to work, workers cannot
                start, or the sampler keeps state.
            SearchInterrupted: SIGINT or SIGTERM arrived; run again to go on.
        """
        refuse_state(self.config.sampler)
        try:
            with self.store.own(self.study_name) as self._lock, contextlib.ExitStack() as self._cluster:
                return self._run()
        except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.DBAPIError) as error:
            raise UserError(
                f"The study store {self.store.place} cannot be written ({where(error)}): is there space on its disk, and does "
                f"another program keep it locked? What was computed is stored; the same command goes on."
            ) from None

    def _run(self) -> StageResult:
        self._open_study()
        self._reconcile()
        slots = self._new_slots()
        self._started = time.monotonic()
        self._slot_clock = SlotClock(self.study.user_attrs.get("slot_time"))
        result = None
        with interrupt_signal() as interrupt:
            try:
                self._note_news("stage_started", self._info(sum(slot.allowed for slot in slots)))
                self._run_callbacks()
                while (wanted := self._wanted()) or self._running:
                    self._fill(slots, wanted)
                    self._slot_clock.note([slot.state for slot in slots if slot.allowed])
                    self._run_callbacks()  # While the slots work.
                    interrupt.wait(slots)
                    for slot in slots:
                        for message in slot.messages():
                            self._handle(slot, message)
                    self._slot_clock.note([slot.state for slot in slots if slot.allowed])
                result = StageResult(self.study_name, self._records())
            finally:
                try:
                    self._stop(slots, orderly=result is not None)
                    for key, value in self._time().items():
                        self.study.set_user_attr(key, value)
                finally:  # Also where the store does not answer.
                    self._note_news("stage_finished", result)
                    self._run_callbacks()
                self._tell_summary()
            if interrupt.signal is not None:  # It came when the last trial had ended: what follows must not start.
                raise SearchInterrupted(interrupt.signal)
        return result

    def _open_study(self) -> None:
        self.study = self.store.study(self.study_name)
        self._writer = self.store.writer(self.study)
        known = self.study.user_attrs
        self._seconds_before = known.get("stage_seconds", 0.0)
        described = {
            "versions": installed_versions(),
            "stage": self.config.name,
            "label": self.config.label,
            "epochs": self.config.epochs,
            "patience": self.config.patience,
            "space_hash": digest(self.space.canonical()),
            **self.attributes,
        }
        for key in ("space_hash", "data_hash", "agent"):
            if key in known and key in described and known[key] != described[key]:
                raise UserError(f"The study {self.study_name} was made with another {key}: give this search another name.")
        # What stage_records needs comes first: a study that a crash left half described must not stop its readers.
        for key, value in (("max_retries", self.config.workers.max_retries), ("checkpoint_root", str(self.checkpoints.root))):
            self.study.set_user_attr(key, value)
        for key, value in described.items():
            if key not in known:
                self.study.set_user_attr(key, value)

    def _reconcile(self) -> None:
        """Whoever owns the store knows that no trial runs: those said to be running are orphans."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
            self._writer.end(trial, TrialState.FAIL, attrs=_failed(Failure.ORPHAN, "the run that started it ended"))
        trials = self.study.get_trials(deepcopy=False)
        self._ledger = Ledger(trials, n_trials=self.config.n_trials, max_retries=self.config.workers.max_retries)
        self._copy = StudyCopy(trials, new_pruner(self.config))
        self._tidy(self._ledger.deciding())

    def _wanted(self) -> list[int]:
        """The indices to begin, lowest first; asked once a round, so that its answer cannot change within."""
        return [] if self._time_is_up() else self._ledger.pending()

    def _time_is_up(self) -> bool:
        return self.config.timeout is not None and self._seconds() >= self.config.timeout

    def _seconds(self) -> float:
        """Seconds that the stage has taken, in all its runs."""
        return self._seconds_before + time.monotonic() - self._started

    def _time(self) -> dict[str, float]:
        """As the study keeps it."""
        return {"stage_seconds": round(self._seconds(), 1)}

    def _tell_summary(self) -> None:
        """How the stage stands, however it ended; the attempts' reasons are stored with the study, as its times are."""
        records = self._records()
        repeats = repeated(self._ledger.attempts(), records)
        times = self._slot_clock.time()
        for key, value in (("slot_time", times.stored()), ("repeated", repeats)):
            self.study.set_user_attr(key, value)
        summary = stage_summary(self.study_name, self.config.n_trials, records, repeats, times)
        for line in summary.splitlines():
            log.info("%s", line)

    def _new_slots(self) -> list[Slot]:
        pending = len(self._ledger.pending())
        if not pending or (self.config.timeout is not None and self._seconds_before >= self.config.timeout):
            return []
        if self.config.workers.executor.name == "dask":
            return self._dask_slots(pending)
        preload(self._preload)
        layout = choose_layout(self.config, self.study.user_attrs.get("layout"))
        self.study.set_user_attr("layout", layout.stored())
        log.info("%s: %s", self.study_name, layout.sentence())
        return [
            Slot(
                index,
                worker.WorkerJob(self._objective, self._setup, layout.threads, layout.device(index), self._log_dir),
                self.config.workers.timeouts,
            )
            for index in range(min(layout.slots, pending))
        ]

    def _dask_slots(self, pending: int) -> list[Slot]:
        config = self.config
        threads = 0 if config.workers.threads == "auto" else config.workers.threads
        return dask_workers().new_slots(
            self._cluster,
            config,
            worker.WorkerJob(self._objective, self._setup, threads, None, self._log_dir),
            self._preload,
            pending,
            self.checkpoints.root if config.keep_checkpoints else None,
        )

    def _fill(self, slots: Sequence[Slot], wanted: list[int]) -> None:
        """Give idle slots the wanted trials, and start as many workers as there are trials left for."""
        for slot in slots:
            if slot.state == "idle" and slot.trials_run >= self.config.workers.trials_per_worker:
                slot.retire()
            if slot.state == "idle" and wanted:
                self._begin(slot, wanted.pop(0))
        spare = len(wanted) - sum(slot.state == "starting" for slot in slots)
        for slot in [slot for slot in slots if slot.state == "down" and slot.allowed][: max(0, spare)]:
            slot.start()

    def _begin(self, slot: Slot, index: int) -> None:
        self._lock.check()
        trial = self._ask(index, slot.index)
        self._note(trial)
        record = record_of(trial, final=False)
        self._running[slot] = _Running(trial, record, time.monotonic())
        slot.dispatch(
            TrialSpec(
                number=trial.number,
                params=record.params,
                seed=record.seed,
                epochs=self.config.epochs,
                patience=self.config.patience,
                micro_batch_divisor=record.micro_batch_divisor,
                checkpoint=self.checkpoints.target(trial.number),
            )
        )
        self._note_news("trial_started", record)

    def _ask(self, index: int, slot: int) -> FrozenTrial:
        """Make the running trial of an index, stored in one step: a retry, an enqueued one, or what the sampler proposes."""
        attrs = {
            "index": index,
            "seed": self.seeds[index] if index < len(self.seeds) else derive_seed(self.config.seed, "trial", index),
            "enqueued": index < len(self.enqueued),
            "slot": slot,
        }
        retry = self._ledger.retry(index)
        if retry is not None:
            attrs |= {"retry_of": retry.retry_of, "micro_batch_divisor": retry.micro_batch_divisor}
            return self._create(retry.params, attrs)
        if index < len(self.enqueued):
            return self._create(self.enqueued[index], attrs)
        # With the stage's name: with the index alone, all stages would draw the same points of their spaces.
        purpose = f"sampler of {self.config.name}"
        sampler = self.config.sampler.build(derive_seed(self.config.seed, purpose, index), self._copy.shared_space)
        return self._create(self._copy.propose(self.space, sampler), attrs)

    def _create(self, params: Mapping[str, Any], attrs: Mapping[str, Any]) -> FrozenTrial:
        return self._writer.begin(params, self.space.distributions(params), attrs)

    def _handle(self, slot: Slot, message: worker.Message | Lost) -> None:
        if slot not in self._running:
            self._handle_start(slot, message)
            return
        match message:
            case worker.Reported(report):
                self._report(slot, report)
            case worker.Finished(outcome):
                self._finish(self._running.pop(slot), outcome)
            case worker.Pruned():
                self._finish(self._running.pop(slot), None)
            case worker.Refused(text):
                raise UserError(text)
            case worker.Failed(failure, reason) | Lost(failure, reason):
                if isinstance(message, Lost) or failure in INFRASTRUCTURE or failure is Failure.OUT_OF_MEMORY:
                    slot.kill()
                running = self._running.pop(slot)
                self._fail(running, failure, reason)
                if failure is Failure.DISK:
                    raise UserError(
                        f"There is no space left for what trial {running.record.number} of {self.study_name} writes (weights in "
                        f"{self.checkpoints.root}): make room. The same command goes on, and runs this trial again."
                    )

    def _handle_start(self, slot: Slot, message: worker.Message | Lost) -> None:
        """A worker without a trial: ready, or failed before it had one."""
        match message:
            case worker.Ready():
                self._failed_starts = 0
            case worker.Refused(text):
                raise UserError(text)
            case worker.Failed(Failure.ERROR, reason):
                raise UserError(f"The objective {self._objective} cannot be made: {reason}.")
            case worker.Failed(failure, reason) | Lost(failure, reason):
                slot.kill()
                self._failed_starts += 1
                if self._failed_starts > self.config.workers.max_retries:
                    raise UserError(f"Workers failed {self._failed_starts} times while starting: {failure}, {reason}.")

    def _report(self, slot: Slot, report: EpochReport) -> None:
        running = self._running[slot]
        running.reports.append(report)
        # In its last epoch a trial is done anyway.
        last = report.epoch >= self.config.epochs
        stop = self._copy.should_stop(running.record.number, report.epoch, report.value) and not last
        slot.answer(not stop)
        # Behind the answer, so that the worker does not wait for the store.
        self._writer.report(running.trial, report.epoch, report.value)
        self._note_news("epoch_finished", running.record, report)

    def _finish(self, running: _Running, outcome: TrialOutcome | None) -> None:
        """Store a trial that has completed, or was pruned where there is no outcome."""
        if outcome is None:
            self._close(running, TrialState.PRUNED, None, _progress(running))
        else:
            self.checkpoints.accept(running.record.number)
            self._close(running, TrialState.COMPLETE, outcome.value, _progress(running, outcome))

    def _fail(self, running: _Running, failure: Failure, reason: str) -> None:
        self._close(running, TrialState.FAIL, None, {**_progress(running), **_failed(failure, reason)})

    def _close(self, running: _Running, state: TrialState, value: float | None, attrs: Mapping[str, Any]) -> None:
        """Store a trial's end, take note, tidy up, and only then let others know."""
        trial = self._writer.end(running.trial, state, value, attrs=attrs, study_attrs=self._time())
        self._note(trial)
        self._tidy([trial])
        self._note_news("trial_finished", self._record(trial, final=self._ledger.settled(running.record.index)))

    def _stop(self, slots: Sequence[Slot], *, orderly: bool) -> None:
        """Leave no process and no running trial behind."""
        for slot in slots:
            slot.retire() if orderly else slot.kill()
        while self._running:
            _, running = self._running.popitem()
            self._fail(running, Failure.INTERRUPTED, "the search was stopped")

    def _note(self, trial: FrozenTrial) -> None:
        self._ledger.note(trial)
        self._copy.note(trial)

    def _tidy(self, ended: Sequence[FrozenTrial]) -> None:
        self.checkpoints.tidy(ended, [running.record.number for running in self._running.values()])

    def _record(self, trial: FrozenTrial, *, final: bool) -> TrialRecord:
        return record_of(trial, final=final, checkpoint=self.checkpoints.kept(trial.number))

    def _records(self) -> tuple[TrialRecord, ...]:
        return tuple(self._record(trial, final=True) for trial in self._ledger.deciding())

    def _info(self, workers: int) -> StageInfo:
        records = self._records()
        return StageInfo(
            study_name=self.study_name,
            stage=self.config.name,
            label=self.config.label,
            n_trials=self.config.n_trials,
            epochs=self.config.epochs,
            workers=workers,
            done=len(records),
            best=best_record(records),
            attributes=self.study.user_attrs,
        )

    def _note_news(self, event: str, *args: Any) -> None:
        self._news.append((event, args))

    def _run_callbacks(self) -> None:
        """What has happened, in its order; what they do with it, such as MLflow's writing, keeps no slot from its next trial."""
        news, self._news = self._news, []
        for event, args in news:
            for callback in self.callbacks:
                try:
                    getattr(callback, event)(*args)
                except Exception as error:
                    log.warning("%s failed in %s: %s", type(callback).__name__, event, where(error))


def _failed(failure: Failure, reason: str) -> dict[str, str]:
    return {"failure": str(failure), "reason": reason}


def _progress(running: _Running, outcome: TrialOutcome | None = None) -> dict[str, Any]:
    """What an ended trial is stored with: its epochs, and its best one or, where it has an outcome, the outcome's."""
    attrs: dict[str, Any] = {"seconds": round(time.monotonic() - running.started, 3)}
    if running.reports:
        names = list(dict.fromkeys(name for report in running.reports for name in report.metrics))
        rows = [finite_or_none(report.metrics) for report in running.reports]
        attrs["epochs"] = {
            "epoch": [report.epoch for report in running.reports],
            "value": [report.value for report in running.reports],
            "metrics": {name: [row.get(name) for row in rows] for name in names},
        }
        best = max(running.reports, key=lambda report: (report.value, -report.epoch))
        attrs |= {"best_epoch": best.epoch, "epochs_run": len(running.reports), "metrics": finite_or_none(best.metrics)}
    if outcome is not None:
        attrs |= {
            "best_epoch": outcome.best_epoch,
            "epochs_run": outcome.epochs_run,
            "metrics": finite_or_none(outcome.metrics),
        }
    return attrs
