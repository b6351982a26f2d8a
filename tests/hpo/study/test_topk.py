import io
import json
import logging
from dataclasses import replace

import pytest
from optuna import Study
from pydantic import ValidationError
from rich.console import Console

from psy_agents.errors import UserError
from psy_agents.hpo.engine.progress import ProgressDisplay
from psy_agents.hpo.protocol import EpochReport
from psy_agents.hpo.study.records import StageInfo, TrialRecord
from psy_agents.hpo.study.topk import TopK, stage_records, top_k
from psy_agents.reporting.search.plots import history_plot, hover_text

BASELINES = [{"x": 0.1}, {"x": 0.7}, {"x": 0.2}, {"x": 0.6}]


def test_the_best_complete_trials_are_listed_best_first(search):
    search.run(n_trials=5, baselines=BASELINES, mishaps={4: "diverge"}, attributes={"agent": "criteria", "data_hash": "d"})
    listed = json.loads(json.dumps(top_k(search.study(), 3)))
    best = TopK.model_validate(listed)
    assert [(trial.rank, trial.trial) for trial in best.trials] == [(1, 1), (2, 3), (3, 2)]
    assert best.trials[0].checkpoint == (search.weights / "trial_0001").as_posix()
    assert best.trials[1].checkpoint is None
    assert (best.agent, best.stage, best.data_hash) == ("criteria", "stage0", "d")
    assert best.epochs_trained == sum(record.epochs_run for record in search.records()) == 13
    assert (best.n_trials, best.states) == (5, {"complete": 4, "failed: diverged": 1})
    assert top_k(search.study(), 99)["trials"][:3] == listed["trials"]
    assert [trial.cost for trial in best.trials] == [{"parameters": 7, "ms_per_post": 30}] * 3, "the last epoch's"


def test_a_continued_stage_keeps_what_its_trials_cost(search):
    search.run(n_trials=1, baselines=BASELINES)
    before = search.records()[0].cost
    search.run(n_trials=2, baselines=BASELINES)
    assert [record.cost for record in search.records()] == [before, before] != [{}, {}]


def test_a_list_that_was_tampered_with_is_refused(search):
    search.run(n_trials=2, baselines=BASELINES)
    listed = top_k(search.study(), 2)
    first, second = listed["trials"]
    for wrong in (
        [second, first],
        [first, {**second, "value": first["value"] + 1}],
        [{**first, "value": float("nan")}, second],
        [first, {**second, "trial": first["trial"]}],
        [first, {**second, "note": "new"}],
        [],
    ):
        with pytest.raises(ValidationError):
            TopK.model_validate({**listed, "trials": wrong})


def test_a_list_of_version_0_1_is_refused_with_what_to_run(search):
    search.run(n_trials=2, baselines=BASELINES)
    listed = top_k(search.study(), 2)
    listed["trials"][1]["params"] = {"schedule": "linear", "pooling": "mean"}
    for stage, pipeline in (("stage0", "hpo_stage0"), ("max", "maximal_hpo")):
        with pytest.raises(UserError, match=rf"names of version 0.1 \(schedule is now lr_scheduler_type\): run {pipeline} again\."):
            TopK.model_validate({**listed, "stage": stage})


def test_a_stage_without_a_complete_trial_has_no_best(search):
    search.run(n_trials=2, mishaps={0: "diverge", 1: "error"})
    with pytest.raises(UserError, match="1 failed: diverged, 1 failed: error"):
        top_k(search.study(), 3)


def test_the_history_shows_every_trial_and_the_best_so_far(search):
    result = search.run(n_trials=5, baselines=BASELINES, mishaps={4: "diverge"})
    figure = history_plot(result.records)
    assert [trace.name for trace in figure.data] == ["complete (4)", "failed (1)", "best so far"]
    assert list(figure.data[-1].y) == sorted(figure.data[-1].y)


def test_the_history_shows_what_baselines_reach(search):
    result = search.run(n_trials=2, baselines=BASELINES)
    figure = history_plot(result.records, baselines={"all_positive": 0.25})
    assert [line.y0 for line in figure.layout.shapes] == [0.25]
    assert [label.text for label in figure.layout.annotations] == ["all_positive 0.250"]


def test_a_trial_is_shown_letter_by_letter_with_the_reason_of_its_failure(search):
    records = search.run(n_trials=2, baselines=BASELINES, mishaps={1: "diverge"}).records
    lines = hover_text(records[1]).split("<br>")
    assert lines[:2] == ["trial 1: diverged", "loss is nan in optimiser step 7"]
    assert {"x = 0.7", "loss = plain"} == set(lines[2:])
    marked = replace(records[0], params={"<b>": "<i>"}, value=None)
    assert hover_text(marked) == "trial 0: complete<br>&lt;b&gt; = &lt;i&gt;"


def test_progress_is_a_line_per_trial_where_there_is_no_terminal(search, caplog):
    with caplog.at_level(logging.INFO, "psy_agents"), ProgressDisplay(Console(file=io.StringIO())) as progress:
        search.run(n_trials=3, mishaps={1: "die"}, callbacks=[progress])
    lines = [record.getMessage() for record in caplog.records]
    assert sum(line.startswith("trial ") for line in lines) == 4
    assert any("worker died, will be retried (exit code -9)" in line for line in lines)
    assert not any("failed in" in line for line in lines)


def test_progress_on_a_terminal_shows_stage_and_workers_and_ends_with_an_error(search, caplog):
    screen = io.StringIO()
    with ProgressDisplay(Console(file=screen, force_terminal=True, width=120)) as progress:
        with pytest.raises(UserError):
            search.run(n_trials=3, mishaps={2: "refuse"}, callbacks=[progress])
        assert progress._progress is None
    assert "study" in screen.getvalue() and "worker 0: trial 0 " in screen.getvalue() and "best 0." in screen.getvalue()
    assert "failed in" not in caplog.text


def test_progress_shows_the_value_of_the_smoothed_curve_so_far(tmp_path):
    with ProgressDisplay(Console(file=io.StringIO(), force_terminal=True)) as progress:
        progress.stage_started(StageInfo("study", "stage1", "", 2, 5, 1, 0, None, {}, 0, None))
        for index in (0, 1):
            trial = TrialRecord(index, index, {}, seed=1, state="running", worker=0)
            progress.trial_started(trial)
            shown = []
            for epoch, value in enumerate([0.0, 0.9, 0.0], start=1):
                progress.epoch_finished(trial, EpochReport(epoch, value))
                shown.append(progress._progress.tasks[1].fields["note"])
            assert shown == ["value 0.0000", "value 0.9000", "value 0.3000"]


@pytest.mark.parametrize("written", range(2, 9))
def test_a_study_that_a_crash_left_half_described_has_no_records_and_stops_no_reader(search, monkeypatch, written):
    class Crash(BaseException):
        pass

    calls, write = iter(range(99)), Study.set_user_attr

    def until(self, key, value):
        if next(calls) >= written:
            raise Crash
        write(self, key, value)

    monkeypatch.setattr(Study, "set_user_attr", until)
    with pytest.raises(Crash):
        search.run(n_trials=1, attributes={"agent": "criteria", "data_hash": "d"})
    assert len(search.study().user_attrs) == written
    assert stage_records(search.study()) == ()
