"""What an epoch takes is measured before the first trial, in real workers, and kept."""

import json
import logging

import pytest
from support.small_search import CANARY, SPACES, files_with, training_settings

from psy_agents.hpo import measurement
from psy_agents.hpo.config import ExecutorConfig, StageConfig
from psy_agents.hpo.estimate import estimate_stage
from psy_agents.hpo.kept import kept
from psy_agents.hpo.measurement import Measurement, PaceMeter
from psy_agents.hpo.plan import plan
from psy_agents.hpo.refit.config import RefitConfig

WORKERS = {"count": 1, "threads": 1, "estimate_seconds": 0.5}
STAGE = StageConfig(name="stage0", label="sanity", n_trials=4, epochs=3, patience=3, workers=WORKERS)
REFIT = RefitConfig(candidates=1, n_seeds=1)


@pytest.fixture
def meter(tmp_path, corpus, encoder):
    """Measures for half a second."""
    return PaceMeter(corpus, training_settings(encoder), SPACES, tmp_path / "measurements")


def test_epochs_are_timed_once_in_real_workers_and_a_plan_says_so(meter, caplog, monkeypatch):
    with caplog.at_level(logging.INFO, "psy_agents"):
        planned = plan([], {"share": [STAGE]}, REFIT, "d", "s", meter.measure)
    (file,) = meter.folder.iterdir()
    kept = Measurement.model_validate_json(file.read_text(encoding="utf-8"))
    assert kept.agent == "share" and kept.workers == 1 and kept.weights_bytes > 10_000
    assert all(seconds > 0 for seconds in kept.seconds_per_epoch) and 0 < kept.timed_seconds < 60
    assert sum("steps are timed on" in message for message in caplog.messages) == 1
    low, high = planned.hours
    assert low == pytest.approx(sum(stage.hours[0] for stage in planned.stages)) and 0 < low <= high
    assert planned.stages[0].hours[1] == pytest.approx(4 * 3 * kept.pace().quantiles[1] / 3600 + 4 * kept.start_seconds / 3600)
    assert f"s of training steps on {kept.device}; early ends make it less)" in planned.sentence()
    assert files_with(meter.folder, CANARY) == []

    monkeypatch.setattr(measurement, "_time_epochs", None)  # Would be called where nothing is kept.
    assert meter.measure("share", STAGE, 12) == kept.pace()


def test_a_measurement_counts_what_a_trial_needs_once_and_names_its_device(meter):
    pace = Measurement(
        agent="share", device="NVIDIA H100", encoders=["e"], workers=2, seconds_per_epoch=[1.0, 2.0, 4.0], start_seconds=5.0,
        timed_seconds=41, weights_bytes=7,
    ).pace()  # fmt: skip
    assert (pace.seconds_per_epoch, pace.quantiles, pace.workers, pace.checkpoint_bytes) == (2.0, (1.5, 3.0), 2, 7)
    assert pace.source == "41 s of training steps on NVIDIA H100"
    estimate = estimate_stage(pace, n_trials=8, done=0, epochs=3, workers=2, keep_checkpoints=1)
    assert estimate.median_hours == pytest.approx(4 * (5 + 3 * 2.0) / 3600), "each trial begins once"
    assert "2 s an epoch in 41 s of training steps on NVIDIA H100; what early ends save is not measured yet)" in estimate.sentence()


@pytest.mark.parametrize("changes", [{"estimate_seconds": 0.0}, {"executor": ExecutorConfig(name="dask")}])
def test_nothing_is_measured_where_it_is_turned_off_or_trials_run_on_a_cluster(meter, changes):
    stage = STAGE.model_copy(update={"workers": STAGE.workers.model_copy(update=changes)})
    assert meter.measure("share", stage, 12) is None


def test_a_damaged_measurement_is_made_again(tmp_path, caplog):
    (tmp_path / "m.json").write_text(json.dumps({"agent": "share"}))
    assert kept(tmp_path / "m.json", Measurement) is None and "is no Measurement of this version" in caplog.text


def test_where_no_epoch_can_be_timed_the_log_gives_the_reason_and_the_search_continues(meter, caplog):
    sentences = PaceMeter(meter.corpus, meter.settings.model_copy(update={"unit": "sentence"}), SPACES, meter.folder)
    assert sentences.measure("share", STAGE, 12) is None
    assert "share: no epoch could be measured, so there is no estimate of its time: unit: sentence is for" in caplog.text
