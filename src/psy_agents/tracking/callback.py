"""Callback that logs a stage to MLflow: a run for the stage, and in it a run for each trial."""

from __future__ import annotations

import functools
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from psy_agents.hpo.protocol import EpochReport
from psy_agents.hpo.refit.runs import STAGE as REFIT_STAGE
from psy_agents.hpo.study.records import Callback, Failure, ScoredOn, StageInfo, StageResult, TrialRecord
from psy_agents.tracking.code_version import git_commit
from psy_agents.tracking.failures import mlflow_may_fail, warn_of_failure
from psy_agents.tracking.process_tag import process_tag

PARENT = "mlflow.parentRunId"
HASHES = ("agent", "space_hash", "data_hash")
COMMAND_TAGS = {"corpus": "corpus", "kedro_command": "command"}
"""Tags of the command's run -> tags of the runs of its stages."""
TRAIN_LOSS = "train_loss"


def _never_raises(method: Callable) -> Callable:
    """Turn an MLflow error into one warning, and log nothing more until the stage ends.

    Each attempt may wait for a locked database, so only the end of the stage, which logs what is missing, tries again.
    """

    @functools.wraps(method)
    def guarded(self: MlflowCallback, *args: Any) -> None:
        if self._broken and method.__name__ != "stage_finished":
            return
        try:
            method(self, *args)
        except Exception as error:
            if not self._broken:
                warn_of_failure(error, "the search continues; what is missing is logged when the stage ends, or when it is resumed")
            self._broken = True

    return guarded


def end_open_child_runs(parent: str) -> None:
    """End the child runs that are still open because the processes that own them were killed."""
    import mlflow

    open_children = f"tags.`{PARENT}` = '{parent}' and attributes.status = 'RUNNING'"
    with mlflow_may_fail("runs of agents that were killed stay open there"):
        client = mlflow.MlflowClient()
        for run in client.search_runs([client.get_run(parent).info.experiment_id], open_children):
            client.set_terminated(run.info.run_id, "FAILED")


def stage_callbacks() -> list[Callback]:
    """What follows a stage: the display and MLflow."""
    import optuna

    from psy_agents.hpo.engine.progress import ProgressDisplay

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return [ProgressDisplay(), MlflowCallback({"git_commit": git_commit()})]


class MlflowCallback:
    """Callback that logs a stage to MLflow; it does nothing where no MLflow run is active.

    A stage's run is no child of the command's run: several commands may resume a stage. It is found by the
    study's name, and the runs of its trials by their index. So a finished stage has one run for each trial, even if it was
    interrupted, and one that has nothing left to do keeps its run as it is. A repeated trial replaces the run of its last
    attempt, which MLflow keeps among the deleted runs.

    Args:
        tags: set on the stage's run and on each trial's run.
    """

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._tags = dict(tags)
        self._broken = False
        self._stage: str | None = None
        self._runs: dict[int, str] = {}
        self._closed: dict[int, int] = {}  # Numbers of the trials whose runs are complete, by index.
        self._reported: dict[int, set[str]] = {}
        self._scored_on = ScoredOn.VALIDATION
        self._closed_stage = False

    @_never_raises
    def stage_started(self, info: StageInfo) -> None:
        """Open the stage's run, or resume it."""
        import mlflow

        pipeline = mlflow.active_run()
        if pipeline is None:
            return
        self._client, self._experiment = mlflow.MlflowClient(), pipeline.info.experiment_id
        self._scored_on = info.scored_on
        command = self._client.get_run(pipeline.info.run_id).data.tags
        self._tags |= {own: command[name] for name, own in COMMAND_TAGS.items() if name in command}
        hashes = {name: str(value) for name, value in info.attributes.items() if name in HASHES}
        self._tags |= {**hashes, **process_tag(), "study": info.study_name, "stage": info.stage}
        runs = self._client.search_runs([self._experiment], f"tags.study = '{info.study_name}'", max_results=50_000)
        self._runs = {int(run.data.tags["index"]): run.info.run_id for run in runs if "index" in run.data.tags}
        closed = [run.data.tags for run in runs if "index" in run.data.tags and run.info.status != "RUNNING"]
        self._closed = {int(tags["index"]): int(tags["trial"]) for tags in closed}
        stages = [run for run in runs if run.data.tags.get("kind") == "stage"]
        if stages:
            self._stage, self._closed_stage = stages[0].info.run_id, stages[0].info.status == "FINISHED"
            if not self._closed_stage:
                self._reopen()
        else:
            self._stage = self._create(_run_name(info, self._tags.get("corpus")), {"kind": "stage"})
            refined = info.attributes.get("refined_from") or {}
            if refined:
                self._client.set_tag(self._stage, "refined_from", refined["study"])
            box = {f"box.{name}": f"{low:.6g} to {high:.6g}" for name, (low, high) in refined.get("box", {}).items()}
            for name, value in {"epochs": info.epochs, **box}.items():
                self._client.log_param(self._stage, name, value)
        # Tags, not parameters: these change when a stage grows, and MLflow keeps a parameter's first value.
        for name, value in {"n_trials": info.n_trials, "epoch_budget": info.epoch_budget}.items():
            self._client.set_tag(self._stage, name, value)

    @_never_raises
    def trial_started(self, record: TrialRecord) -> None:
        """Open the trial's run with its parameters; it replaces the run of an earlier attempt."""
        if self._stage is not None:
            self._begin(record)

    @_never_raises
    def epoch_finished(self, record: TrialRecord, report: EpochReport) -> None:
        """Log the epoch's objective and metrics."""
        if self._stage is not None:
            self._reported[record.index] = set(report.metrics)
            self._log(self._runs[record.index], self._named({"objective": report.value, **report.metrics}), report.epoch)

    @_never_raises
    def trial_finished(self, record: TrialRecord) -> None:
        """Close the trial's run with its state and reason."""
        if self._stage is not None:
            self._end(record)

    @_never_raises
    def stage_finished(self, result: StageResult | None) -> None:
        """Log the trials that are missing, then close the stage's run."""
        if self._stage is None or (self._broken and result is None):  # An interrupted stage does not wait: it will be resumed.
            return
        if result is None:
            killed = isinstance(sys.exc_info()[1], KeyboardInterrupt)
            self._client.set_terminated(self._stage, "KILLED" if killed else "FAILED")
            return
        for record in result.records:
            if self._closed.get(record.index) != record.number:
                self._begin(record)
                self._log(self._runs[record.index], self._named(record.metrics), record.best_epoch or 0)
                self._end(record)
        if self._closed_stage:
            return
        record = self._shown(result)
        shown = {} if record is None else self._named({**record.metrics, "best_objective": record.value})
        shown = {name: value for name, value in shown.items() if name != TRAIN_LOSS} | self._over_seeds(result)
        step = 0 if record is None else record.number
        self._log(self._stage, shown, step, {"trials": str(len(result.records)), "epochs_trained": str(result.epochs_trained)})
        self._client.set_terminated(self._stage, "FINISHED")

    def _shown(self, result: StageResult) -> TrialRecord | None:
        """The trial whose figures the stage's run has: the best, but of several models on test the first, which is handed over."""
        if self._scored_on is not ScoredOn.TEST:
            return result.best
        return next((record for record in result.records if record.index == 0 and record.state == "complete"), None)

    def _over_seeds(self, result: StageResult) -> dict[str, float]:
        """Mean and standard deviation of each figure on test over several final models, which differ in their seed."""
        models = [record for record in result.records if record.state == "complete"]
        if self._scored_on is not ScoredOn.TEST or len(models) < 2:
            return {}
        tested = [self._named({**record.metrics, "best_objective": record.value}) for record in models]
        values = {name: [each.get(name) for each in tested] for name in tested[0] if name != TRAIN_LOSS}
        known = {name: found for name, found in values.items() if all(value is not None and math.isfinite(value) for value in found)}
        means = {f"{name}_mean": statistics.fmean(found) for name, found in known.items()}
        return means | {f"{name}_sd": statistics.stdev(found) for name, found in known.items()}

    def _reopen(self) -> None:
        """The stage's run goes on, with the command that continues it."""
        self._closed_stage = False
        self._client.update_run(self._stage, status="RUNNING")
        for name, value in {**process_tag(), **{own: self._tags[own] for own in COMMAND_TAGS.values() if own in self._tags}}.items():
            self._client.set_tag(self._stage, name, value)

    def _begin(self, record: TrialRecord) -> None:
        from mlflow.entities import Param

        if self._closed_stage:
            self._reopen()
        if record.index in self._runs:
            self._closed.pop(record.index, None)
            self._client.delete_run(self._runs[record.index])
        tags = {"kind": "trial", "index": str(record.index), "trial": str(record.number), "seed": str(record.seed)}
        tags["enqueued"] = str(record.enqueued).lower()
        if record.retry_of is not None:
            tags["retry_of"] = str(record.retry_of)
        run = self._create(f"trial {record.number}", {**tags, PARENT: self._stage})
        self._runs[record.index] = run
        self._client.log_batch(run, params=[Param(name, str(value)) for name, value in record.params.items()])

    def _end(self, record: TrialRecord) -> None:
        run = self._runs[record.index]
        known = self._reported.get(record.index, set(record.metrics))
        unreported = {name: value for name, value in record.metrics.items() if name not in known}  # A refit's test metrics.
        values = {"best_objective": record.value, "raw_objective": record.raw_value, **unreported}
        metrics = {**self._named(values), "seconds": record.seconds, **record.cost}
        tags = {"state": record.state}
        if record.reason is not None:
            tags["reason"] = record.reason if record.failure is None else f"{record.failure}: {record.reason}"
        self._log(run, metrics, record.best_epoch or 0, tags)
        if record.failure == Failure.INTERRUPTED:
            status = "KILLED"
        else:
            status = "FAILED" if record.failure is not None else "FINISHED"
        self._client.set_terminated(run, status)
        self._closed[record.index] = record.number

    def _named(self, metrics: Mapping[str, float | None]) -> dict[str, float | None]:
        """The metrics under names that say what they are of.

        A run that ends with a test has its figures under ``test/``: the objective's curve is the negative training loss, and is left
        out, as it is for a run that is not scored at all.
        """
        if self._scored_on not in (ScoredOn.TEST, ScoredOn.TRAINING):
            return dict(metrics)
        own = {name: value for name, value in metrics.items() if name == TRAIN_LOSS}
        if self._scored_on is ScoredOn.TRAINING:
            return own
        tested = {name: value for name, value in metrics.items() if name not in (TRAIN_LOSS, "objective", "raw_objective")}
        return own | {f"test/{name.replace('best_objective', 'objective')}": value for name, value in tested.items()}

    def _create(self, name: str, tags: dict[str, str]) -> str:
        return self._client.create_run(self._experiment, run_name=name, tags={**self._tags, **tags}).info.run_id

    def _log(self, run: str, metrics: Mapping[str, float | None], step: int, tags: Mapping[str, str] | None = None) -> None:
        from mlflow.entities import Metric, RunTag

        now = int(time.time() * 1000)
        finite = {name: value for name, value in metrics.items() if value is not None and math.isfinite(value)}
        self._client.log_batch(
            run,
            [Metric(name, float(value), now, step) for name, value in finite.items()],
            tags=[RunTag(name, value) for name, value in (tags or {}).items()],
        )


def _run_name(info: StageInfo, corpus: str | None) -> str:
    """``evidence · stage0 · redsm5``; a refit has several studies, which its label tells apart."""
    stage = f"{info.stage} {info.label}" if info.stage == REFIT_STAGE else info.stage
    return " · ".join(part for part in (info.attributes.get("agent"), stage, corpus) if part)
