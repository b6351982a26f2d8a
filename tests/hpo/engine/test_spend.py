"""A stage that spends epochs: what short trials leave is spent on more trials, also after the search was stopped."""

from __future__ import annotations

import io
import logging
import signal
from dataclasses import replace

import pytest
from pydantic import ValidationError
from rich.console import Console

from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.engine.progress import ProgressDisplay
from psy_agents.hpo.study.records import SCORED_ON, ScoredOn, StageInfo, TrialRecord
from psy_agents.hpo.study.topk import TopK, top_k

STAGE = {"n_trials": 4, "epochs": 5, "spend": "epochs", "objective": "support.search.objectives:Early"}


class StopsAt:
    """Sends a signal to this process at the n-th event of a kind."""

    def __init__(self, event: str, n: int) -> None:
        self._event, self._left = event, n

    def __getattr__(self, event):
        def hear(*_):
            if event == self._event:
                self._left -= 1
                if self._left == 0:
                    signal.raise_signal(signal.SIGTERM)

        return hear


def whole(result):
    return [(record.index, record.params, record.value, record.seed, record.epochs_run) for record in result.records]


@pytest.mark.parametrize("workers", [1, 2])
def test_epochs_are_spent_until_no_whole_trial_fits(search, workers):
    result = search.run(**STAGE, workers=workers)
    trained = sum(record.epochs_run for record in result.records)
    assert 20 - 5 < trained <= 20 and len(result.records) > 4
    assert result.epochs_trained == trained
    listed = TopK.model_validate(top_k(search.study(), 3))
    assert (listed.n_trials, listed.epochs_trained) == (len(result.records), trained)
    assert search.run(**STAGE, workers=workers) == result, "nothing is left to run"
    assert len(search.diary_lines()) == len(result.records)


@pytest.mark.parametrize(("event", "n"), [("trial_started", 1), ("epoch_finished", 4), ("trial_started", 6), ("trial_finished", 5)])
def test_a_stopped_search_ends_with_the_trials_of_an_uninterrupted_one(search, event, n):
    expected = whole(search.run(name="whole", **STAGE))
    with pytest.raises(KeyboardInterrupt):
        search.run(**STAGE, pause=0.05, callbacks=[StopsAt(event, n)])
    assert whole(search.run(**STAGE)) == expected


def test_a_study_continues_where_its_stage_is_given_more_or_ends_by_another_rule(search):
    eight = whole(search.run(**STAGE | {"n_trials": 8, "spend": "trials"}))
    first = whole(search.run(name="grows", **STAGE | {"n_trials": 2}))
    assert first == eight[: len(first)]
    more = whole(search.run(name="grows", **STAGE))
    assert len(more) > len(first) and more[: len(first)] == first
    by_number = whole(search.run(name="grows", **STAGE | {"n_trials": 8, "spend": "trials"}))
    assert by_number[:8] == eight and by_number[: len(more)] == more


def test_a_stage_whose_trials_all_fail_ends(search):
    result = search.run(n_trials=2, epochs=2, spend="epochs", mishaps=dict.fromkeys(range(20), "diverge"))
    assert result.states == {"failed: diverged": 3}, "each trained one of four epochs, and then another whole trial does not fit"


def test_progress_counts_epochs(search, caplog):
    with caplog.at_level(logging.INFO, "psy_agents"), ProgressDisplay(Console(file=io.StringIO())) as progress:
        result = search.run(**STAGE, callbacks=[progress])
        search.run(**STAGE, callbacks=[progress])
    lines = [line.getMessage() for line in caplog.records]
    trials = [line for line in lines if line.startswith("trial ")]
    last = result.records[-1]
    assert len(trials) == len(result.records) and trials[-1].startswith(f"trial {last.number} value {last.value:.4f} ")
    assert f"; {result.epochs_trained}/20 epochs, best {result.best.value:.4f}" in trials[-1]
    assert "study: 0 trials with 0/20 epochs finished before, 1 worker" in lines
    assert f"study: {len(result.records)} trials with {result.epochs_trained}/20 epochs finished before, 0 workers" in lines
    assert any(f"{len(result.records)} trials finished, none failed, {result.epochs_trained}/20 epochs trained" in line for line in lines)
    screen = io.StringIO()
    with ProgressDisplay(Console(file=screen, force_terminal=True, width=120)) as progress:
        search.run(name="shown", **STAGE, callbacks=[progress])
    assert "/20" in screen.getvalue() and "worker 0: trial 0 " in screen.getvalue()


def test_epochs_without_a_number_of_trials_are_refused():
    given = {"name": "stage0", "label": "", "epochs": 3, "patience": 3, "timeout": 60.0, "n_trials": None}
    assert StageConfig(**given).epoch_budget is None
    assert StageConfig(**given | {"n_trials": 4, "spend": "epochs"}).epoch_budget == 12
    with pytest.raises(ValidationError, match="spend is epochs, but n_trials is null, so the number of epochs is unknown: set n_trials"):
        StageConfig(**given, spend="epochs")
    with pytest.raises(ValidationError, match="Input should be 'trials' or 'epochs'"):
        StageConfig(**given | {"n_trials": 4, "spend": "hours"})


def test_no_value_on_test_is_called_the_best(caplog):
    info = StageInfo("final", "stage3", "final", 2, 3, 1, 0, None, {SCORED_ON: ScoredOn.TEST}, 0, None)
    record = TrialRecord(0, 0, {}, 11, "complete", value=0.4, best_epoch=1, epochs_run=1, final=True)
    with caplog.at_level(logging.INFO, "psy_agents"), ProgressDisplay(Console(file=io.StringIO())) as progress:
        progress.stage_started(info)
        progress.trial_finished(record)
        progress.trial_finished(replace(record, index=1, number=1))
    assert "trial 0 value 0.4000 " in caplog.text and "; 2/2 trials" in caplog.text and "best" not in caplog.text
