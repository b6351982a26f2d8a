import logging

import pytest
from pydantic import ValidationError
from support.search.objectives import CANARY
from support.waiting import wait_for

from psy_agents.errors import UserError
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.study.store import StudyStore


class Diary:
    """Writes down all that a callback hears."""

    def __init__(self) -> None:
        self.events = []

    def __getattr__(self, event):
        return lambda *args: self.events.append((event, *args))

    def names(self):
        return [event[0] for event in self.events]


class Clumsy:
    """Fails at whatever it hears."""

    def __getattr__(self, event):
        raise OSError(CANARY)


def files_contain(folder, text: str) -> bool:
    return any(text.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_stage_ends_at_its_number_of_trials_and_runs_no_more_when_run_again(search):
    first = search.run(n_trials=5, workers=2)
    assert first.states == {"complete": 5}
    assert [record.index for record in first.records] == list(range(5))
    assert search.run(n_trials=5, workers=2) == first
    assert len(search.diary_lines()) == 5
    assert search.run(n_trials=6).records[:5] == first.records


def test_a_trial_keeps_its_best_epoch_and_every_epochs_metrics(search):
    record = search.run(n_trials=1, baselines=[{"x": 0.7}]).records[0]
    assert (record.value, record.best_epoch, record.epochs_run) == (0.875, 3, 3)
    assert record.metrics == {"f1": 0.875, "seed": float(record.seed)}
    (trial,) = search.study().trials
    assert trial.user_attrs["epochs"]["epoch"] == [1, 2, 3]
    assert trial.user_attrs["epochs"]["metrics"] == {"f1": [0.5, 0.75, 0.875], "loss": [None, None, None]}
    assert trial.intermediate_values == {1: 0.5, 2: 0.75, 3: 0.875}


def test_baselines_come_first_completed_with_defaults_and_only_once(search):
    baselines = [{"x": 0.1}, {"loss": "focal"}, {"x": 0.2, "loss": "focal", "gamma": 1.0}]
    search.run(n_trials=2, baselines=baselines)
    records = search.run(n_trials=5, baselines=baselines).records
    assert [dict(record.params) for record in records[:3]] == [
        {"x": 0.1, "loss": "plain"},
        {"x": 0.5, "loss": "focal", "gamma": 2.0},
        {"x": 0.2, "loss": "focal", "gamma": 1.0},
    ]
    assert [record.enqueued for record in records] == [True, True, True, False, False]
    assert len(search.study().trials) == 5


@pytest.mark.parametrize("kind", ["die", "cuda", "hang"])
def test_a_lost_worker_is_replaced_and_its_trial_run_again_with_the_same_parameters(search, kind):
    result = search.run(mishaps={1: kind}, timeouts={"silence": 1.5})
    assert result.states == {"complete": 4}
    lost, retry = search.study().trials[1:3]
    assert retry.user_attrs["retry_of"] == 1
    assert (retry.params, retry.user_attrs["seed"]) == (lost.params, lost.user_attrs["seed"])
    assert lost.user_attrs["failure"] == {"die": "worker died", "cuda": "device error", "hang": "worker hung"}[kind]
    processes = [process for _, process, _ in search.diary_lines()]
    assert len(set(processes)) == 2


def test_retries_end(search):
    result = search.run(n_trials=2, mishaps=dict.fromkeys(range(3), "die"), max_retries=2)
    assert result.states == {"complete": 1, "failed: worker died": 1}
    assert [trial.user_attrs["index"] for trial in search.study().trials] == [0, 0, 0, 1]


def test_out_of_memory_is_tried_once_more_with_half_the_micro_batch_in_a_fresh_process(search):
    result = search.run(n_trials=2, mishaps={0: "memory", 2: "memory always", 3: "memory always"})
    assert result.states == {"complete": 1, "failed: out of memory": 1}
    assert [(number, divisor) for number, _, divisor in search.diary_lines()] == [(0, 1), (1, 2), (2, 1), (3, 2)]
    processes = [process for _, process, _ in search.diary_lines()]
    assert processes[0] != processes[1] == processes[2] != processes[3]


def test_a_diverged_trial_counts_with_its_reason(search):
    record = search.run(mishaps={1: "diverge"}).records[1]
    assert (record.state, record.failure, record.final) == ("failed", "diverged", True)
    assert record.reason == "loss is nan in optimiser step 7"
    assert record.epochs_run == 1


def test_an_unknown_error_counts_and_its_message_is_stored_nowhere(search, tmp_path, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        record = search.run(mishaps={1: "error"}, log_dir=tmp_path / "logs", workers=1).records[1]
    assert record.failure == "error"
    assert record.reason.startswith("ValueError at ") and "search/objectives.py:" in record.reason
    assert not files_contain(tmp_path, CANARY)
    assert CANARY not in caplog.text and CANARY not in "".join(capfd.readouterr())
    assert (tmp_path / "logs" / "trial_0002.log").read_text() == "trial 2 runs\n"


def test_a_users_error_ends_the_stage_and_its_trial_runs_again_when_corrected(search):
    with pytest.raises(UserError, match="no encoder folder"):
        search.run(mishaps={1: "refuse"})
    result = search.run()
    assert result.states == {"complete": 4}
    assert search.study().trials[2].params == search.study().trials[1].params


def test_an_objective_that_cannot_be_made_ends_the_stage(search, capfd):
    with pytest.raises(UserError, match="support.search.objectives:Broken cannot be made: ValueError at") as refusal:
        search.run(objective="support.search.objectives:Broken")
    assert CANARY not in str(refusal.value) and CANARY not in "".join(capfd.readouterr())
    with pytest.raises(UserError, match="failed 2 times while starting: worker died, exit code 3"):
        search.run(objective="support.search.objectives:Dying", max_retries=1)
    assert search.study().trials == []


def test_a_trial_that_takes_too_long_fails_for_good(search):
    result = search.run(n_trials=2, mishaps={0: "hang"}, timeouts={"total": 1.0})
    assert result.states == {"complete": 1, "failed: time is up": 1}


def test_a_worse_trial_is_pruned_and_never_the_best(search):
    baselines = [{"x": 0.7}, {"x": 0.69}, {"x": 0.0}]
    pruner = {"name": "median", "n_startup_trials": 2, "warmup_ratio": 0.34}
    result = search.run(n_trials=3, baselines=baselines, epochs=4, pruner=pruner)
    assert result.states == {"complete": 2, "pruned": 1}
    assert result.records[2].epochs_run == 3  # ceil(0.34 * 4) = 2 epochs of grace.
    assert result.best.index == 0


def test_only_the_best_trials_weights_stay(search):
    baselines = [{"x": x} for x in (0.1, 0.7, 0.2, 0.6)]
    search.weights.mkdir()
    (search.weights / "trial_0009.partial.tmp").mkdir()
    (search.weights / "notes").mkdir()
    result = search.run(baselines=baselines, keep_checkpoints=2)
    assert sorted(folder.name for folder in search.weights.iterdir()) == ["notes", "trial_0001", "trial_0003"]
    assert [record.checkpoint is not None for record in result.records] == [False, True, False, True]
    assert (result.best.checkpoint / "weights").read_text() == str(result.best.value)


def test_no_weights_are_written_where_none_are_kept(search):
    search.run(keep_checkpoints=0)
    assert not search.weights.exists()


def test_workers_are_recycled(search):
    search.run(n_trials=5, trials_per_worker=2)
    assert len({process for _, process, _ in search.diary_lines()}) == 3


def test_two_workers_run_at_a_time(search):
    search.run(n_trials=6, workers=2, pause=0.1)
    assert len({process for _, process, _ in search.diary_lines()}) == 2


def test_callbacks_receive_everything_in_order(search):
    diary = Diary()
    search.run(n_trials=2, epochs=2, mishaps={0: "die"}, callbacks=[diary])
    assert diary.names() == [
        "stage_started",
        "trial_started", "epoch_finished", "trial_finished",
        "trial_started", "epoch_finished", "epoch_finished", "trial_finished",
        "trial_started", "epoch_finished", "epoch_finished", "trial_finished",
        "stage_finished",
    ]  # fmt: skip
    assert [event[1].final for event in diary.events if event[0] == "trial_finished"] == [False, True, True]


def test_a_slow_callback_keeps_no_worker_from_its_next_trial(search):
    begun = []

    class Slow(Diary):
        def trial_finished(self, record):
            if record.index < 2:
                wait_for(lambda: len(search.diary_lines()) > record.index + 1)
                begun.append(record.index)

    search.run(n_trials=3, workers=1, callbacks=[Slow()])
    assert begun == [0, 1]


def test_a_failing_callback_costs_no_trial(search, caplog):
    assert search.run(callbacks=[Clumsy()]).states == {"complete": 4}
    assert "Clumsy failed in trial_finished: OSError" in caplog.text
    assert CANARY not in caplog.text


def test_a_study_of_another_space_or_other_data_is_refused(search):
    search.run(n_trials=1, attributes={"data_hash": "a"})
    with pytest.raises(UserError, match="another data_hash"):
        search.run(n_trials=2, attributes={"data_hash": "b"})
    with pytest.raises(UserError, match="another space_hash"):
        search.run(n_trials=2, attributes={"data_hash": "a"}, space={"x": {"type": "float", "low": 0.0, "high": 2.0}})


def test_each_stage_draws_points_of_its_own(search):
    first, second = (search.run(name=name, n_trials=3, stage=name) for name in ("stage0", "stage1"))
    assert {record.params["x"] for record in first.records}.isdisjoint(record.params["x"] for record in second.records)


def test_an_orphan_without_all_its_parameters_is_drawn_again(search):
    whole = search.run(n_trials=3)
    with StudyStore(search.store) as store:
        study = store.study("torn")
        study.ask().suggest_float("x", 0.0, 1.0)  # The owner dies here.
    torn = search.run(n_trials=3, name="torn")
    assert [record.params for record in torn.records] == [record.params for record in whole.records]
    assert search.study("torn").trials[0].user_attrs["failure"] == "orphan of a dead run"


def test_a_wrong_configuration_is_refused_by_name():
    good = {"name": "stage0", "label": "sanity", "n_trials": 8, "epochs": 3, "patience": 5}
    assert StageConfig(**good, workers={"count": 2}).workers.count == 2
    for wrong, message in [
        ({"workers": {"count": 0}}, "must be 'auto' or a whole number of at least 1, not 0"),
        ({"worker": 1}, "worker\n"),
        ({"n_trials": 0}, "n_trials\n"),
        ({"sampler": {"name": "grid"}}, "sampler\n"),
        ({"sampler": {"name": "random", "n_startup_trials": 5}}, "sampler.random.n_startup_trials\n"),
    ]:
        with pytest.raises(ValidationError, match=message):
            StageConfig(**{**good, **wrong})
