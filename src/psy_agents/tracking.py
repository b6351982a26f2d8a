"""A stage in MLflow: one run for the stage, one child run a trial."""

from __future__ import annotations

import math
import time
from typing import Any

from psy_agents.hpo.protocol import EpochReport
from psy_agents.hpo.records import StageInfo, StageResult, TrialRecord

STATUS = {"complete": "FINISHED", "pruned": "FINISHED", "failed": "FAILED"}


class MlflowListener:
    """Listens to a stage; a stage that goes on later finds its own run again by the study's name.

    Args:
        tags: put on the stage's run and on each trial's.
    """

    def __init__(self, tags: dict[str, str]) -> None:
        import mlflow

        self._mlflow, self._client, self._tags = mlflow, mlflow.MlflowClient(), tags
        self._stage_run: str | None = None
        self._trials: dict[int, str] = {}

    def stage_started(self, info: StageInfo) -> None:
        """Open the stage's run, below the pipeline's, and end what a dead process left running."""
        active = self._mlflow.active_run()
        if active is None:  # tracking is disabled for this pipeline
            return
        self._experiment = active.info.experiment_id
        hashes = {k: str(v) for k, v in info.attributes.items() if k in ("agent", "space_hash", "data_hash")}
        self._tags = {**self._tags, **hashes, "study": info.study_name, "stage": info.stage}
        found = self._search(f"tags.study = '{info.study_name}' and tags.kind = 'stage'")
        if found:
            self._stage_run = found[0].info.run_id
            self._client.update_run(self._stage_run, status="RUNNING")
            for run in self._search(f"tags.`mlflow.parentRunId` = '{self._stage_run}' and attributes.status = 'RUNNING'"):
                self._client.set_terminated(run.info.run_id, "KILLED")
        else:
            self._stage_run = self._new_run(info.study_name, active.info.run_id, {"kind": "stage"})

    def trial_started(self, record: TrialRecord) -> None:
        """Open the trial's run with its parameters."""
        if self._stage_run is None:
            return
        tags = {"kind": "trial", "trial": str(record.number), "index": str(record.index), "seed": str(record.seed)}
        run = self._new_run(f"trial {record.number}", self._stage_run, tags)
        self._trials[record.number] = run
        for name, value in record.params.items():
            self._client.log_param(run, name, value)

    def epoch_finished(self, record: TrialRecord, report: EpochReport) -> None:
        """Log the epoch's objective and metrics."""
        if record.number in self._trials:
            self._log(self._trials[record.number], {"objective": report.value, **report.metrics}, report.epoch)

    def trial_finished(self, record: TrialRecord) -> None:
        """Close the trial's run with its state and reason."""
        run = self._trials.pop(record.number, None)
        if run is None:
            return
        if record.value is not None:
            self._log(run, {"best_objective": record.value, "seconds": record.seconds}, 0)
        self._client.set_tag(run, "state", record.state)
        if record.reason:
            self._client.set_tag(run, "reason", f"{record.failure}: {record.reason}")
        self._client.set_terminated(run, STATUS[record.state])

    def stage_finished(self, result: StageResult | None) -> None:
        """Close the stage's run; KILLED, with its trials, where it was interrupted."""
        for run in self._trials.values():
            self._client.set_terminated(run, "KILLED")
        self._trials.clear()
        if self._stage_run is None:
            return
        if result is not None and result.best is not None:
            self._log(self._stage_run, {"best_objective": result.best.value}, 0)
        self._client.set_terminated(self._stage_run, "KILLED" if result is None else "FINISHED")

    def _search(self, query: str) -> list[Any]:
        return list(self._client.search_runs([self._experiment], query))

    def _new_run(self, name: str, parent: str, tags: dict[str, str]) -> str:
        tags = {**self._tags, **tags, "mlflow.parentRunId": parent}
        return self._client.create_run(self._experiment, run_name=name, tags=tags).info.run_id

    def _log(self, run: str, metrics: dict[str, float | None], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        finite = {k: v for k, v in metrics.items() if v is not None and math.isfinite(v)}
        self._client.log_batch(run, [Metric(k.replace("/", "."), float(v), now, step) for k, v in finite.items()])
