from __future__ import annotations

import logging
import shutil
import sqlite3
from dataclasses import replace

import mlflow
import pytest

from psy_agents.hpo.protocol import EpochReport
from psy_agents.hpo.study.records import SCORED_ON, Failure, ScoredOn, StageInfo, StageResult, TrialRecord
from psy_agents.tracking.callback import MlflowCallback, end_open_child_runs

STUDY = "evidence-stage0-sanity-12345678"
RUNNING = TrialRecord(index=0, number=0, params={"learning_rate": 1e-4, "span_loss": "marginal"}, seed=5, state="running")


def info(n_trials=2, done=0):
    attributes = {"agent": "evidence", "data_hash": "d" * 64, "space_hash": "s" * 64}
    return StageInfo(STUDY, "stage0", "sanity", n_trials, 3, 1, done, None, attributes, 3 * done, None)


def trial(callback, record, values=(0.5, 0.6), **ending):
    callback.trial_started(record)
    for epoch, value in enumerate(values, start=1):
        callback.epoch_finished(record, EpochReport(epoch, value, {"token_f1": value, "f1/Odd": float("nan")}))
    best = {"state": "complete", "value": max(values, default=None), "raw_value": 0.55, "best_epoch": 2}
    ended = replace(record, **{**best, "final": True, **ending})
    callback.trial_finished(ended)
    return ended


def warnings(caplog):
    """The callback's log lines, without those of MLflow."""
    messages = [record.message for record in caplog.records if record.name == "psy_agents.tracking.failures"]
    assert all(message.startswith("MLflow failed (") for message in messages)
    return messages


def runs(experiment, kind):
    return mlflow.MlflowClient().search_runs([experiment], f"tags.kind = '{kind}'", order_by=["attributes.start_time"])


def test_a_stage_is_a_run_with_a_run_for_each_trial_and_the_best_metrics(experiment):
    callback = MlflowCallback({"git_commit": "abc"})
    with mlflow.start_run(tags={"corpus": "redsm5", "kedro_command": "kedro run --pipelines hpo_stage0"}):
        callback.stage_started(info())
        records = [trial(callback, RUNNING), trial(callback, replace(RUNNING, index=1, number=1))]
        trained = [replace(record, epochs_run=epochs, metrics={"token_f1": 0.6}) for record, epochs in zip(records, (2, 3), strict=True)]
        callback.stage_finished(StageResult(STUDY, tuple(trained)))
    (stage,) = runs(experiment, "stage")
    assert stage.info.run_name == "evidence · stage0 · redsm5" and "mlflow.parentRunId" not in stage.data.tags
    assert stage.data.tags["command"] == "kedro run --pipelines hpo_stage0"
    assert stage.data.metrics == {"best_objective": 0.6, "token_f1": 0.6}
    assert mlflow.MlflowClient().get_metric_history(stage.info.run_id, "token_f1")[0].step == 0, "the best trial's number"
    assert stage.info.status == "FINISHED"
    assert stage.data.tags["data_hash"] == "d" * 64
    assert (stage.data.tags["trials"], stage.data.tags["epochs_trained"]) == ("2", "5")
    children = runs(experiment, "trial")
    assert [run.data.tags["index"] for run in children] == ["0", "1"]
    for run in children:
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.parentRunId"] == stage.info.run_id
        assert run.data.tags["git_commit"] == "abc"
        assert run.data.params == {"learning_rate": "0.0001", "span_loss": "marginal"}
        history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "objective")
        assert [(m.step, m.value) for m in history] == [(1, 0.5), (2, 0.6)]
        assert (run.data.metrics["best_objective"], run.data.metrics["raw_objective"]) == (0.6, 0.55)


def test_a_failed_trial_keeps_its_reason(experiment):
    callback = MlflowCallback({})
    with mlflow.start_run():
        callback.stage_started(info())
        trial(callback, RUNNING, (), state="failed", value=None, failure=Failure.DIVERGED, reason="the loss is nan")
        callback.stage_finished(None)
    (run,) = runs(experiment, "trial")
    assert run.info.status == "FAILED"
    assert run.data.tags["reason"] == "diverged: the loss is nan"


def test_an_interrupted_stage_continues_in_its_own_run_with_one_run_a_trial(experiment):
    def search():
        with mlflow.start_run():
            callback = MlflowCallback({})
            callback.stage_started(info())
            trial(callback, RUNNING)
            interrupted = replace(RUNNING, index=1, number=1)
            callback.trial_started(interrupted)
            try:
                raise KeyboardInterrupt
            finally:
                ending = {"state": "failed", "value": None, "failure": Failure.INTERRUPTED, "reason": "stopped"}
                callback.trial_finished(replace(interrupted, **ending))
                callback.stage_finished(None)

    with pytest.raises(KeyboardInterrupt):
        search()
    (stage,) = runs(experiment, "stage")
    assert stage.info.status == "KILLED"
    assert [run.info.status for run in runs(experiment, "trial")] == ["FINISHED", "KILLED"]

    with mlflow.start_run(tags={"kedro_command": "kedro run again"}):
        callback = MlflowCallback({})
        callback.stage_started(info(done=1))
        retry = trial(callback, replace(RUNNING, index=1, number=2, retry_of=1))
        first = replace(RUNNING, state="complete", value=0.6, best_epoch=2, final=True)
        callback.stage_finished(StageResult(STUDY, (first, retry)))
    (again,) = runs(experiment, "stage")
    assert again.info.run_id == stage.info.run_id
    assert again.info.status == "FINISHED"
    assert again.data.tags["command"] == "kedro run again" and again.info.start_time == stage.info.start_time
    assert [(run.data.tags["trial"], run.info.status) for run in runs(experiment, "trial")] == [
        ("0", "FINISHED"),
        ("2", "FINISHED"),
    ]

    with mlflow.start_run(tags={"kedro_command": "kedro run once more"}):
        callback = MlflowCallback({})
        callback.stage_started(info(done=2))
        callback.stage_finished(StageResult(STUDY, (first, retry)))
    (kept,) = runs(experiment, "stage")
    assert (kept.info.end_time, kept.data.tags["command"]) == (again.info.end_time, "kedro run again"), "there was nothing left to do"


def test_trials_that_only_the_study_knows_are_caught_up_with(experiment):
    stored = replace(RUNNING, state="complete", value=0.7, best_epoch=1, metrics={"token_f1": 0.7}, final=True)
    unfinished = replace(stored, index=1, number=1)
    with mlflow.start_run():
        killed = MlflowCallback({})
        killed.stage_started(info())
        killed.trial_started(replace(RUNNING, index=1, number=1))
        callback = MlflowCallback({})
        callback.stage_started(info(done=2))
        callback.stage_finished(StageResult(STUDY, (stored, unfinished)))
    found = runs(experiment, "trial")
    assert sorted(run.data.tags["index"] for run in found) == ["0", "1"]
    assert {run.info.status for run in found} == {"FINISHED"}
    assert {run.data.metrics["token_f1"] for run in found} == {0.7}


def test_a_failing_mlflow_stops_nothing_and_warns_once(experiment, monkeypatch, caplog):
    callback = MlflowCallback({})
    with mlflow.start_run(), caplog.at_level(logging.WARNING, logger="psy_agents.tracking.failures"):
        callback.stage_started(info())
        monkeypatch.setattr(mlflow.MlflowClient, "create_run", lambda *a, **k: 1 / 0)
        trial(callback, RUNNING)
        trial(callback, replace(RUNNING, index=1, number=1))
        callback.stage_finished(None)
    (warning,) = caplog.records
    assert warning.message.startswith("MLflow failed (ZeroDivisionError): the search continues")


def test_what_a_locked_database_kept_out_is_logged_when_the_stage_ends(experiment, store, soon_given_up, caplog):
    callback = MlflowCallback({})
    with mlflow.start_run(), caplog.at_level(logging.WARNING, logger="psy_agents.tracking.failures"):
        callback.stage_started(info())
        callback.trial_started(RUNNING)
        other = sqlite3.connect(store.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        callback.epoch_finished(RUNNING, EpochReport(1, 0.5, {"token_f1": 0.5}))
        first = replace(RUNNING, state="complete", value=0.6, best_epoch=2, metrics={"token_f1": 0.6}, final=True)
        callback.trial_finished(first)
        second = trial(callback, replace(RUNNING, index=1, number=1), metrics={"token_f1": 0.6})
        other.execute("ROLLBACK")
        other.close()
        callback.stage_finished(StageResult(STUDY, (first, second)))
    assert len(warnings(caplog)) == 1
    found = runs(experiment, "trial")
    assert [(run.data.tags["index"], run.info.status, run.data.metrics["token_f1"]) for run in found] == [
        ("0", "FINISHED", 0.6),
        ("1", "FINISHED", 0.6),
    ]
    (stage,) = runs(experiment, "stage")
    assert stage.info.status == "FINISHED"


def test_a_stage_that_grows_has_its_new_size(experiment):
    with mlflow.start_run():
        for n_trials, budget in ((2, None), (4, 12)):
            MlflowCallback({}).stage_started(replace(info(n_trials), epoch_budget=budget))
            (stage,) = runs(experiment, "stage")
            assert (stage.data.tags["n_trials"], stage.data.tags["epoch_budget"]) == (str(n_trials), str(budget))
            assert stage.data.params == {"epochs": "3"}


@pytest.mark.parametrize("later", [False, True])
def test_a_retry_that_mlflow_missed_replaces_the_run_of_the_failed_attempt(experiment, store, soon_given_up, later):
    """When the stage ends, or when it is run again."""
    lost = {"state": "failed", "value": None, "failure": Failure.DIED, "reason": "exit code -9", "final": False}
    retry = replace(RUNNING, number=1, retry_of=0, state="complete", value=0.7, best_epoch=1, metrics={"token_f1": 0.7}, final=True)
    with mlflow.start_run():
        callback = MlflowCallback({})
        callback.stage_started(info(n_trials=1))
        trial(callback, RUNNING, **lost)
        other = sqlite3.connect(store.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        callback.trial_started(replace(RUNNING, number=1, retry_of=0))
        callback.trial_finished(retry)
        callback.stage_finished(None)
        other.execute("ROLLBACK")
        other.close()
        if later:
            callback = MlflowCallback({})
            callback.stage_started(info(n_trials=1, done=1))
        callback.stage_finished(StageResult(STUDY, (retry,)))
    (run,) = runs(experiment, "trial")
    assert (run.data.tags["trial"], run.info.status, run.data.metrics["token_f1"]) == ("1", "FINISHED", 0.7)


def test_a_database_that_is_gone_stops_nothing(tmp_path, caplog):
    file = tmp_path / "gone" / "mlflow.db"
    file.parent.mkdir()
    mlflow.set_tracking_uri(f"sqlite:///{file}")
    mlflow.set_experiment("gone")
    try:
        mlflow.start_run()
        callback = MlflowCallback({})
        callback.stage_started(info())
        shutil.rmtree(file.parent)
        with caplog.at_level(logging.WARNING, logger="psy_agents.tracking.failures"):
            callback.stage_finished(StageResult(STUDY, (trial(callback, RUNNING),)))
        assert len(warnings(caplog)) == 1
    finally:
        mlflow.tracking.fluent._active_run_stack.get().clear()  # It cannot be ended: its database is gone.
        mlflow.set_tracking_uri(None)


def test_without_an_active_run_nothing_is_tracked(experiment):
    callback = MlflowCallback({})
    callback.stage_started(info())
    trial(callback, RUNNING)
    callback.stage_finished(None)
    assert runs(experiment, "trial") == []


def test_a_refined_stage_names_its_parent_and_its_box(experiment):
    callback = MlflowCallback({})
    box = {"study": "evidence-stage0-sanity-1", "box": {"learning_rate": (1e-5, 2e-4)}}
    with mlflow.start_run():
        callback.stage_started(replace(info(), attributes={**info().attributes, "refined_from": box}))
        callback.trial_started(replace(RUNNING, enqueued=True))
    (stage,) = runs(experiment, "stage")
    assert stage.data.tags["refined_from"] == "evidence-stage0-sanity-1"
    assert stage.data.params["box.learning_rate"] == "1e-05 to 0.0002"
    (run,) = runs(experiment, "trial")
    assert run.data.tags["enqueued"] == "true"


def test_metrics_that_only_a_trials_end_knows_are_logged_and_those_of_its_last_epoch_stay(experiment):
    callback = MlflowCallback({})
    with mlflow.start_run():
        callback.stage_started(info())
        trial(callback, RUNNING, metrics={"macro_f1": 0.7, "token_f1": 0.1})
    (run,) = runs(experiment, "trial")
    assert run.data.metrics["macro_f1"] == 0.7
    assert run.data.metrics["token_f1"] == 0.6


def test_figures_of_test_never_have_the_names_of_validation_figures(experiment):
    """A final run reports its training loss each epoch, and its figures on test when it ends. The stage has those of the first model."""
    test = {"macro_f1": 0.4, "token_f1": 0.3, "brier": 0.1}
    final = replace(info(1), study_name="final", attributes={**info().attributes, SCORED_ON: ScoredOn.TEST})
    with mlflow.start_run():
        callback = MlflowCallback({})
        callback.stage_started(final)
        callback.trial_started(RUNNING)
        callback.epoch_finished(RUNNING, EpochReport(1, -0.7, {"train_loss": 0.7}))
        ended = replace(RUNNING, state="complete", value=0.35, raw_value=0.35, best_epoch=1, final=True, metrics=test)
        callback.trial_finished(ended)
        better = replace(ended, index=1, number=1, value=0.9, metrics={**test, "macro_f1": 0.9})
        callback.stage_finished(StageResult("final", (ended, better)))
    (run, _), (stage,) = runs(experiment, "trial"), runs(experiment, "stage")
    assert run.data.metrics.pop("seconds") == 0
    assert run.data.metrics == {
        "train_loss": 0.7, "test/objective": 0.35, "test/macro_f1": 0.4, "test/token_f1": 0.3, "test/brier": 0.1,
    }  # fmt: skip
    assert stage.data.metrics == pytest.approx({
        "test/objective": 0.35, "test/macro_f1": 0.4, "test/token_f1": 0.3, "test/brier": 0.1,
        "test/objective_mean": 0.625, "test/macro_f1_mean": 0.65, "test/token_f1_mean": 0.3, "test/brier_mean": 0.1,
        "test/objective_sd": 0.55 / 2**0.5, "test/macro_f1_sd": 0.5 / 2**0.5, "test/token_f1_sd": 0.0, "test/brier_sd": 0.0,
    })  # fmt: skip


def test_a_search_after_a_final_stage_has_validation_figures_again(experiment):
    """One callback follows all folds of a cross-validation: search, refit, the next search."""
    callback = MlflowCallback({})
    with mlflow.start_run():
        callback.stage_started(replace(info(1), study_name="final", attributes={**info().attributes, SCORED_ON: ScoredOn.TEST}))
        callback.stage_finished(StageResult("final", ()))
        callback.stage_started(info(1))
        trial(callback, RUNNING)
    (run,) = runs(experiment, "trial")
    assert run.data.metrics["best_objective"] == 0.6 and not any(name.startswith("test/") for name in run.data.metrics)


def test_a_trial_has_what_its_model_costs_to_use(experiment):
    cost = {"parameters": 7.0, "trained_parameters": 3.0, "ms_per_post": 1.5}
    with mlflow.start_run():
        callback = MlflowCallback({})
        callback.stage_started(info(1))
        trial(callback, RUNNING, cost=cost)
    (run,) = runs(experiment, "trial")
    assert cost.items() <= run.data.metrics.items()


def test_a_run_that_is_not_scored_has_no_objective(experiment):
    member = replace(info(1), study_name="members", attributes={**info().attributes, SCORED_ON: ScoredOn.TRAINING})
    with mlflow.start_run():
        callback = MlflowCallback({})
        callback.stage_started(member)
        callback.trial_started(RUNNING)
        callback.epoch_finished(RUNNING, EpochReport(1, -0.7, {"train_loss": 0.7}))
        ended = replace(RUNNING, state="complete", value=-0.7, raw_value=-0.7, best_epoch=1, final=True, metrics={"train_loss": 0.7})
        callback.trial_finished(ended)
        callback.stage_finished(StageResult("members", (ended,)))
    (run,), (stage,) = runs(experiment, "trial"), runs(experiment, "stage")
    assert set(run.data.metrics) == {"train_loss", "seconds"} and stage.data.metrics == {}


def test_runs_of_killed_processes_are_ended_and_no_others(experiment):
    client = mlflow.MlflowClient()

    def run(parent=None):
        return client.create_run(experiment, tags={} if parent is None else {"mlflow.parentRunId": parent}).info.run_id

    command, other = run(), run()
    killed, whole, elsewhere = run(command), run(command), run(other)
    stage = run(killed)  # The same command continues it.
    client.set_terminated(whole, "FINISHED")
    end_open_child_runs(command)
    found = [client.get_run(each).info.status for each in (command, killed, whole, elsewhere, stage)]
    assert found == ["RUNNING", "FAILED", "FINISHED", "RUNNING", "RUNNING"]


def test_runs_that_cannot_be_ended_are_reported_and_stop_nothing(experiment, caplog):
    end_open_child_runs("0" * 32)
    assert warnings(caplog) == ["MLflow failed (MlflowException): runs of agents that were killed stay open there"]
