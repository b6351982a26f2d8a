import heapq
import os
import statistics
from dataclasses import replace

import pytest
from optuna.trial import TrialState

from psy_agents.errors import UserError
from psy_agents.hpo.disk import check_space, free_bytes
from psy_agents.hpo.estimate import Pace, best_pace, estimate_stage, pace_of
from psy_agents.hpo.study.store import StudyStore

PACE = Pace("criteria-stage0-sanity-1234abcd", 21.0, (18.0, 24.0), 8, epoch_share=1.0, workers=2, checkpoint_bytes=36_000_000)
STAGE1 = {"n_trials": 50, "done": 0, "epochs": 15, "workers": 2, "keep_checkpoints": 3}


def test_the_pace_is_that_of_the_complete_trials(search):
    search.run(n_trials=6, pause=0.03, workers=2, mishaps={2: "diverge"}, keep_checkpoints=2)
    study = search.study()
    pace = pace_of(study)
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    seconds = [trial.user_attrs["seconds"] / 3 for trial in complete]
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    assert pace.seconds_per_epoch == pytest.approx(median) and pace.quantiles == pytest.approx((low, high))
    assert pace.seconds_per_epoch >= 0.03
    assert (pace.study, pace.trials, pace.epoch_share, pace.workers) == ("study", 5, 1.0, 2)
    sizes = [sum(os.path.getsize(file) for file in folder.iterdir()) for folder in search.weights.iterdir()]
    assert len(sizes) == 2 and pace.checkpoint_bytes == max(sizes) > 0


def test_trials_that_ended_early_are_measured_by_the_epochs_that_they_ran(search):
    search.run(n_trials=2, keep_checkpoints=0)
    with StudyStore(search.store) as store:
        study = store.study("study")
        study.set_user_attr("epochs", 4)
        pace = pace_of(study)
    assert pace.epoch_share == 0.75
    assert pace.checkpoint_bytes is None


def test_without_a_complete_trial_there_is_no_pace(search):
    search.run(n_trials=1, mishaps={0: "diverge"})
    assert pace_of(search.study()) is None


def test_the_pace_comes_from_the_newest_study_of_the_same_agent_and_data(search):
    for name, agent, data, mishaps in [
        ("old", "criteria", "d1", {}),
        ("new", "criteria", "d1", {}),
        ("other data", "criteria", "d2", {}),
        ("other agent", "evidence", "d1", {}),
        ("nothing complete", "criteria", "d1", {0: "diverge"}),
    ]:
        search.run(name=name, n_trials=1, mishaps=mishaps, attributes={"agent": agent, "data_hash": data, "settings_hash": "s"})
    with StudyStore(search.store) as store:
        studies = store.studies()
        assert best_pace(studies, "criteria", "d1", "s").study == "new"
        assert best_pace(reversed(studies), "criteria", "d1", "s").study == "new"
        assert best_pace(studies, "evidence", "d1", "s").study == "other agent"
        assert best_pace(studies, "evidence", "d2", "s") is None
        assert best_pace([], "criteria", "d1", "s") is None


@pytest.mark.parametrize(("n_trials", "done", "workers"), [(50, 0, 2), (7, 0, 3), (20, 19, 4), (5, 1, 1)])
def test_the_hours_are_those_of_workers_that_take_the_next_trial_when_free(n_trials, done, workers):
    free_at = [0.0] * workers
    for _ in range(n_trials - done):
        heapq.heappush(free_at, heapq.heappop(free_at) + 10 * 21.0)
    estimate = estimate_stage(PACE, n_trials=n_trials, done=done, epochs=10, workers=workers, keep_checkpoints=0)
    assert estimate.median_hours == pytest.approx(max(free_at) / 3600)
    assert (estimate.low_hours, estimate.high_hours) == pytest.approx((max(free_at) / 3600 * 18 / 21, max(free_at) / 3600 * 24 / 21))


def test_early_ends_and_pruning_shorten_the_estimate_but_not_its_upper_bound():
    whole = estimate_stage(PACE, **STAGE1)
    early = estimate_stage(replace(PACE, epoch_share=0.8), **STAGE1, pruned_share=0.25)
    assert early.median_hours == pytest.approx(whole.median_hours * 0.6)
    assert early.most_hours == whole.most_hours == whole.high_hours


def test_the_disk_holds_the_kept_weights_and_one_partial_of_each_busy_worker():
    assert estimate_stage(PACE, **STAGE1).disk_bytes == (3 + 2) * 36_000_000
    assert estimate_stage(PACE, **STAGE1 | {"n_trials": 1}).disk_bytes == (1 + 1) * 36_000_000
    assert estimate_stage(PACE, **STAGE1 | {"keep_checkpoints": 0}).disk_bytes == 0
    unmeasured = replace(PACE, checkpoint_bytes=None)
    assert estimate_stage(unmeasured, **STAGE1).disk_bytes is None
    assert estimate_stage(unmeasured, **STAGE1 | {"keep_checkpoints": 0}).disk_bytes == 0


def test_the_sentence_gives_the_estimate_and_its_basis():
    assert estimate_stage(PACE, **STAGE1).sentence() == (
        "about 1.9 to 2.5 hours for 50 trials of at most 15 epochs on 2 workers "
        "(measured: 21 s an epoch in 8 trials of criteria-stage0-sanity-1234abcd), 180.0 MB on disk"
    )
    early = estimate_stage(replace(PACE, epoch_share=0.5, checkpoint_bytes=None), **STAGE1 | {"workers": 1}).sentence()
    assert early == (
        "about 1.9 to 2.5 hours (up to 5.0 hours if no trial ends early) for 50 trials of at most 15 epochs on 1 worker "
        "(measured: 21 s an epoch on 2 workers in 8 trials of criteria-stage0-sanity-1234abcd, which ran 50% of their "
        "epochs), disk not measured"
    )


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"epochs": 1, "n_trials": 2}, "less than a minute for 2 trials of at most 1 epoch "),
        ({"epochs": 1, "n_trials": 20}, "about 3.0 to 4.0 minutes for 20 trials"),
        ({"n_trials": 1200, "epochs": 100}, "about 12 to 17 days for 1,200 trials of at most 100 epochs"),
        ({"done": 50}, "no trial is left to run, 108.0 MB on disk"),
    ],
)
def test_the_time_is_shown_in_a_suitable_unit(changes, start):
    assert estimate_stage(PACE, **STAGE1 | changes).sentence().startswith(start)


def test_a_disk_without_room_is_refused_before_the_folder_is_made(tmp_path):
    place = tmp_path / "not" / "made" / "yet"
    free = free_bytes(place)
    assert free == pytest.approx(os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize, rel=0.05)
    check_space(place, 1)
    with pytest.raises(UserError, match=r"has .* free, but .* may be needed") as refusal:
        check_space(place, free * 2)
    assert str(refusal.value).count(". ") == 0
    assert not place.exists()


def test_where_epochs_are_spent_their_time_is_shown_and_early_ends_do_not_shorten_it():
    early = replace(PACE, epoch_share=0.5)
    estimate = estimate_stage(early, **STAGE1, pruned_share=0.4, epochs_left=750)
    assert estimate.median_hours == pytest.approx(750 / 2 * 21 / 3600) and estimate.high_hours == estimate.most_hours
    assert estimate.sentence() == (
        "about 1.9 to 2.5 hours for 750 epochs, that is, at least 50 trials of at most 15 epochs, on 2 workers "
        "(measured: 21 s an epoch in 8 trials of criteria-stage0-sanity-1234abcd), 180.0 MB on disk"
    )
    assert estimate_stage(early, **STAGE1 | {"done": 70}, epochs_left=44).trials == 2
    assert estimate_stage(early, **STAGE1 | {"done": 70}, epochs_left=0).sentence().startswith("no trial is left to run")


def test_what_pruning_saved_in_earlier_stages_is_counted_and_shown():
    saved = estimate_stage(PACE, **STAGE1, pruned_share=0.4)
    assert saved.median_hours == pytest.approx(0.6 * estimate_stage(PACE, **STAGE1).median_hours)
    assert "1234abcd; pruning saves 40% of the epochs, as in earlier stages), 180.0 MB" in saved.sentence()
    assert "(up to 2.5 hours if no trial ends early)" in saved.sentence()
