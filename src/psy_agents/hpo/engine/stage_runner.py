"""A stage of the search: one process asks, dispatches, prunes and stores, until the requested trials are finished."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy

from psy_agents.errors import UserError, where
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.engine.clocks import StageClock, WorkerClock
from psy_agents.hpo.engine.event_queue import EventQueue
from psy_agents.hpo.engine.interruption import Interrupt, SearchInterrupted, interrupt_signal
from psy_agents.hpo.engine.sampler import refuse_state
from psy_agents.hpo.engine.stage_trials import RunningTrial, StageTrials
from psy_agents.hpo.engine.summary import count_retried, stage_summary
from psy_agents.hpo.protocol import EpochReport, TrialSpec
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.checkpoints import Checkpoints
from psy_agents.hpo.study.history import INFRASTRUCTURE
from psy_agents.hpo.study.locks import StudyLock
from psy_agents.hpo.study.observations import Observation
from psy_agents.hpo.study.records import Callback, Failure, ScoredOn, StageInfo, StageResult, best_record, count_epochs, scored_on
from psy_agents.hpo.study.store import StudyStore, digest
from psy_agents.hpo.study.topk import installed_versions
from psy_agents.hpo.workers.executor import dask_workers
from psy_agents.hpo.workers.layout import TimeOnGpu, choose_layout
from psy_agents.hpo.workers.worker import PRELOADED, Worker, WorkerLost, preload
from psy_agents.hpo.workers.worker_process import Failed, Finished, Message, Pruned, Ready, Reported, UserErrorRaised, WorkerJob

log = logging.getLogger(__name__)


class StageRunner:
    """Runs a stage's trials until the requested number is finished, its epochs are spent, or its time is up.

    Args:
        enqueued: parameters of the trials that go first; defaults fill in what they leave out.
        seeds: of the first trials; all others are derived from the stage's seed and the trial's index.
        earlier: observations of earlier stages, the earliest first, for the sampler.
        store: open, that is, inside its ``with`` block.
        objective: ``module:Class``, made in each worker as ``Class(setup)``.
        checkpoint_root: folder of this study's weights, and of nothing else.
        attributes: JSON values describing the study, such as agent, space_hash, data_hash and versions.
        log_dir: folder for what trials print, one file each; None prints to this process's output.
        time_on_gpu: times how many workers a GPU runs fastest; None: one.
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
        earlier: Sequence[Observation] = (),
        callbacks: Sequence[Callback] = (),
        attributes: Mapping[str, Any] | None = None,
        log_dir: Path | None = None,
        time_on_gpu: TimeOnGpu | None = None,
        preload_modules: tuple[str, ...] = PRELOADED,
    ) -> None:
        self.config, self.space, self.store = config, space, store
        if isinstance(config.n_trials, dict):
            raise ValueError("the stage's number of trials depends on the agent: give the engine config.of_agent(agent)")
        self.enqueued = [space.complete(params) for params in enqueued][: config.n_trials]
        self.seeds, self.earlier = tuple(seeds), tuple(earlier)
        self.study_name = study_name
        self.attributes = dict(attributes or {})
        self.checkpoints = Checkpoints(Path(checkpoint_root), config.keep_checkpoints)
        self._objective, self._setup, self._log_dir = objective, setup, log_dir
        self._preload = (*preload_modules, objective.partition(":")[0])
        self._time_on_gpu = time_on_gpu
        self._events = EventQueue(callbacks)
        self._running: dict[Worker, RunningTrial] = {}
        self._failed_starts = 0

    def run(self) -> StageResult:
        """Run until every trial is finished or time is up; then running trials are finished, and none is started.

        Raises:
            UserError: another process has the study, the store does not answer, the objective refused to work, workers cannot
                start, the objective is constant, or the sampler keeps state.
            SearchInterrupted: SIGINT or SIGTERM arrived; run the same command again to continue.
        """
        refuse_state(self.config.sampler)
        try:
            with self.store.own(self.study_name) as lock, contextlib.ExitStack() as cluster:
                self._open_study()
                return self._run(lock, self._new_workers(cluster))
        except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.DBAPIError) as error:
            raise UserError(
                f"The study store {self.store.place} cannot be written ({where(error)}): is there space on its disk, and does "
                f"another program keep it locked? What was computed is stored; run the same command again to continue."
            ) from None

    def _run(self, lock: StudyLock, workers: Sequence[Worker]) -> StageResult:
        self._clock.start()
        self._worker_clock = WorkerClock(self.study.user_attrs.get("worker_time"))
        result = None
        with interrupt_signal() as interrupt:
            try:
                self._events.put("stage_started", self._info(sum(worker.allowed for worker in workers)))
                self._events.run_callbacks()
                self._refuse_constant()  # A run that died before it could.
                while (wanted := self._wanted()) or self._running:
                    self._step(lock, workers, wanted, interrupt)
                result = StageResult(self.study_name, self._trials.records())
            finally:
                try:
                    self._stop(workers, orderly=result is not None)
                    for key, value in self._stage_seconds().items():
                        self.study.set_user_attr(key, value)
                finally:  # Also where the store does not answer.
                    self._events.put("stage_finished", result)
                    self._events.run_callbacks()
                self._log_summary()
            if interrupt.signal is not None:  # It came when the last trial had ended: what follows must not start.
                raise SearchInterrupted(interrupt.signal)
        return result

    def _step(self, lock: StudyLock, workers: Sequence[Worker], wanted: list[int], interrupt: Interrupt) -> None:
        """Give the workers trials, wait for their messages, and handle these."""
        self._fill(lock, workers, wanted)
        self._count_time(workers)
        self._events.run_callbacks()  # While the workers work.
        interrupt.wait(workers)
        for worker in workers:
            for message in worker.messages():
                self._handle(worker, message)
        self._count_time(workers)

    def _open_study(self) -> None:
        self.study = self.store.study(self.study_name)
        known = self.study.user_attrs
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
        if "metric" in described and self.study.metric_names is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self.study.set_metric_names([described["metric"]])
        self._clock = StageClock(known.get("stage_seconds", 0.0))
        writer = self.store.writer(self.study)
        self._trials = StageTrials(
            self.config, self.space, self.enqueued, self.seeds, self.study, writer, self.checkpoints, self._stage_seconds, self.earlier
        )

    def _wanted(self) -> list[int]:
        """The indices to begin, lowest first; computed once a step, since time may run out within it."""
        return [] if self._time_is_up() else self._trials.history.pending()

    def _time_is_up(self) -> bool:
        return self.config.timeout is not None and self._clock.seconds() >= self.config.timeout

    def _stage_seconds(self) -> dict[str, float]:
        return {"stage_seconds": round(self._clock.seconds(), 1)}

    def _count_time(self, workers: Sequence[Worker]) -> None:
        self._worker_clock.update([worker.state for worker in workers if worker.allowed])

    def _log_summary(self) -> None:
        records = self._trials.records()
        retried = count_retried(self._trials.history.attempts(), records)
        times = self._worker_clock.time()
        for key, value in (("worker_time", times.to_dict()), ("retried", retried)):
            self.study.set_user_attr(key, value)
        budget, on_test = self.config.epoch_budget, scored_on(self.attributes) is ScoredOn.TEST
        summary = stage_summary(self.study_name, self.config.n_trials, records, retried, times, budget, on_test=on_test)
        for line in summary.splitlines():
            log.info("%s", line)

    def _new_workers(self, cluster: contextlib.ExitStack) -> list[Worker]:
        """As many workers as there are trials left, and no more than the layout or the cluster has room for.

        Args:
            cluster: keeps the connection to a Dask cluster open.
        """
        config, pending = self.config, len(self._trials.history.pending())
        if not pending or self._time_is_up():
            return []
        if config.workers.executor.name == "dask":
            threads = 0 if config.workers.threads == "auto" else config.workers.threads
            job = WorkerJob(self._objective, self._setup, threads, None, self._log_dir)
            weights = self.checkpoints.root if config.keep_checkpoints else None
            return dask_workers().new_workers(cluster, config, job, self._preload, pending, weights)
        preload(self._preload)
        layout = choose_layout(config, self.study.user_attrs.get("layout"), self._time_on_gpu)
        self.study.set_user_attr("layout", layout.to_dict())
        log.info("%s: %s", self.study_name, layout.sentence())
        jobs = [
            WorkerJob(self._objective, self._setup, layout.threads, layout.device(index), self._log_dir)
            for index in range(min(layout.workers, pending))
        ]
        return [Worker(index, job, config.workers.timeouts) for index, job in enumerate(jobs)]

    def _fill(self, lock: StudyLock, workers: Sequence[Worker], wanted: list[int]) -> None:
        """Give idle workers the wanted trials, and start as many workers as there are trials left for."""
        for worker in workers:
            if worker.state == "idle" and worker.trials_run >= self.config.workers.trials_per_worker:
                worker.retire()
            if worker.state == "idle" and wanted:
                lock.check()
                self._begin(worker, wanted.pop(0))
        spare = len(wanted) - sum(worker.state == "starting" for worker in workers)
        for worker in [worker for worker in workers if worker.state == "down" and worker.allowed][: max(0, spare)]:
            worker.start()

    def _begin(self, worker: Worker, index: int) -> None:
        self._running[worker] = running = self._trials.begin(index, worker.index)
        record = running.record
        worker.dispatch(
            TrialSpec(
                number=record.number,
                params=record.params,
                seed=record.seed,
                epochs=self.config.epochs,
                patience=self.config.patience,
                micro_batch_divisor=record.micro_batch_divisor,
                checkpoint=self.checkpoints.target(record.number),
            )
        )
        self._events.put("trial_started", record)

    def _handle(self, worker: Worker, message: Message | WorkerLost) -> None:
        if worker not in self._running:
            self._handle_start(worker, message)
            return
        match message:
            case Reported(report):
                self._report(worker, report)
            case Finished(outcome):
                self._events.put("trial_finished", self._trials.finish(self._running.pop(worker), outcome))
                self._refuse_constant()
            case Pruned():
                self._events.put("trial_finished", self._trials.finish(self._running.pop(worker), None))
            case UserErrorRaised(text):
                raise UserError(text)
            case Failed(failure, reason) | WorkerLost(failure, reason):
                if isinstance(message, WorkerLost) or failure in INFRASTRUCTURE or failure is Failure.OUT_OF_MEMORY:
                    worker.kill()
                running = self._running.pop(worker)
                self._fail(running, failure, reason)
                if failure is Failure.DISK:
                    raise UserError(
                        f"There is no space left for what trial {running.record.number} of {self.study_name} writes (weights in "
                        f"{self.checkpoints.root}): make room, then run the same command again to continue; it repeats this trial."
                    )
                self._refuse_failures_in_a_row()

    def _refuse_constant(self) -> None:
        value = self._trials.discard_constant()
        if value is not None:
            raise UserError(
                f"Every epoch of the first {self.config.constant_after} complete trials of {self.study_name} has the value {value:g}, so "
                f"no trial is better than another: likely causes are a corpus without known evidence (agents that predict evidence), an "
                f"encoder without a tokenizer, or a validation split of a few posts; once the cause is gone, the same command runs these "
                f"trials again (where such ties are expected, set the stage's constant_after to null)."
            )

    def _refuse_failures_in_a_row(self) -> None:
        place = self._trials.discard_failures_in_a_row()
        if place is not None:
            logs = "" if self._log_dir is None else f"; {self._log_dir} has what the trials printed"
            raise UserError(
                f"Trials of {self.study_name} fail one after another at the same place ({place}), and none succeeds: likely causes are a "
                f"wrong path, a missing package, or a limit on memory or files{logs}. They are not counted: once the cause is gone, the "
                f"same command runs them again."
            )

    def _handle_start(self, worker: Worker, message: Message | WorkerLost) -> None:
        """Handle a worker without a trial: it is ready, or failed to start."""
        match message:
            case Ready():
                self._failed_starts = 0
            case UserErrorRaised(text):
                raise UserError(text)
            case Failed(Failure.ERROR, reason):
                raise UserError(f"The objective {self._objective} cannot be made: {reason}.")
            case Failed(failure, reason) | WorkerLost(failure, reason):
                worker.kill()
                self._failed_starts += 1
                if self._failed_starts > self.config.workers.max_retries:
                    raise UserError(f"Workers failed {self._failed_starts} times while starting: {failure}, {reason}.")

    def _report(self, worker: Worker, report: EpochReport) -> None:
        running = self._running[worker]
        worker.answer(not self._trials.should_stop(running, report))
        self._trials.store_epoch(running, report)  # After the answer: the worker does not wait for the store.
        self._events.put("epoch_finished", running.record, report)

    def _fail(self, running: RunningTrial, failure: Failure, reason: str) -> None:
        self._events.put("trial_finished", self._trials.fail(running, failure, reason))

    def _stop(self, workers: Sequence[Worker], *, orderly: bool) -> None:
        """Leave no process and no running trial behind."""
        for worker in workers:
            worker.retire() if orderly else worker.kill()
        while self._running:
            _, running = self._running.popitem()
            self._fail(running, Failure.INTERRUPTED, "the search was stopped")

    def _info(self, workers: int) -> StageInfo:
        records = self._trials.records()
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
            epochs_trained=count_epochs(records),
            epoch_budget=self.config.epoch_budget,
        )
