"""A whole stage of each agent on a tiny random encoder: real workers, a real store, saved weights, no text outside."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pandas as pd
import pytest
from support.shared import made_once
from support.small_search import CANARY, CRITERIA, SPACES, best_trials, files_with

from psy_agents.agents.registry import AGENTS
from psy_agents.agents.saved.agent import load_agent
from psy_agents.errors import UserError
from psy_agents.hpo.config import CarryOver, NoRefinement, StageConfig, WorkersConfig
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.run_stage import run_stage
from psy_agents.hpo.space.ranges import FloatRange
from psy_agents.hpo.space.refinement import refine
from psy_agents.hpo.study.store import read_study
from psy_agents.hpo.study.topk import TopK
from psy_agents.training.config import TrainingSettings
from psy_agents.training.learning_curve import best_epoch, best_value

STAGE0 = StageConfig(name="stage0", label="sanity", n_trials=2, epochs=2, patience=2, top_k=2, workers={"count": 1, "threads": 1})


def stage(tmp_path: Path, corpus, agent: str, encoder: str, *, spaces=SPACES, parent=None, stage=STAGE0, **settings):
    return run_stage(
        agent,
        corpus,
        stage,
        TrainingSettings(precision="float32", fixed={"encoder": encoder, "max_length": 48}, **settings),
        spaces,
        StoragePaths(tmp_path / "studies.db", tmp_path / "models", tmp_path / "logs"),
        parent=parent,
    )


@pytest.fixture
def searched(tmp_path_factory, corpus, encoder) -> Callable[[str], tuple[Path, dict]]:
    """Runs an agent's stage 0, once for all workers: its folder, to be looked at only, and its best trials."""

    def run(agent: str) -> tuple[Path, dict]:
        return made_once(tmp_path_factory, f"stage0_{agent}", lambda folder: (folder, stage(folder, corpus, agent, str(encoder)).top_k))

    return run


@pytest.mark.parametrize("agent", AGENTS)
def test_a_stage_ranks_its_trials_keeps_the_best_weights_and_lets_no_text_out(searched, agent):
    folder, found = searched(agent)
    top_k = TopK.model_validate(found)
    assert [trial.rank for trial in top_k.trials] == [1, 2] and top_k.agent == agent
    assert all(0 <= trial.value <= 1 for trial in top_k.trials)

    model, tokenizer, decisions, described = load_agent(Path(top_k.trials[0].checkpoint))
    assert described["agent"] == agent and described["criteria"] == CRITERIA
    assert top_k.trials[1].checkpoint is None
    logs = folder / "logs" / top_k.study
    assert sorted(file.name for file in logs.iterdir()) == ["trial_0000.log", "trial_0001.log"]

    assert files_with(folder, CANARY) == []


def test_a_trial_is_judged_by_its_smoothed_curve_and_both_values_are_stored(tmp_path, corpus, encoder):
    four = STAGE0.model_copy(update={"epochs": 4, "patience": 4})
    top_k = stage(tmp_path, corpus, "share", str(encoder), stage=four).top_k
    trials = {trial.number: trial for trial in read_study(tmp_path / "studies.db", top_k["study"]).trials}
    for ranked in top_k["trials"]:
        curve = [value for _, value in sorted(trials[ranked["trial"]].intermediate_values.items())]
        assert len(curve) == ranked["epochs_run"] == 4
        assert (ranked["value"], ranked["best_epoch"]) == (best_value(curve), best_epoch(curve))
        assert trials[ranked["trial"]].value == ranked["value"]
        assert ranked["raw_value"] == curve[ranked["best_epoch"] - 1]


def test_splits_of_other_posts_are_refused_before_a_study_is_made(tmp_path, corpus, encoder):
    newer = replace(corpus, posts=pd.concat([corpus.posts, pd.DataFrame({"post_id": ["p99"], "text": ["New."]})]))
    with pytest.raises(UserError, match="1 of 41 posts have no split"):
        stage(tmp_path, newer, "criteria", str(encoder))
    assert not (tmp_path / "studies.db").exists()


def test_the_same_stage_elsewhere_gives_the_same_values(searched, tmp_path, corpus, encoder):
    first = searched("share")[1]["trials"]
    second = stage(tmp_path, corpus, "share", str(encoder)).top_k["trials"]
    assert [(t["value"], t["params"], t["metrics"]) for t in first] == [(t["value"], t["params"], t["metrics"]) for t in second]


def test_the_criteria_agent_reads_by_sentence_and_is_scored_by_post(tmp_path, corpus, encoder):
    top_k = stage(tmp_path, corpus, "criteria", str(encoder), unit="sentence").top_k
    assert len(top_k["trials"]) == 2
    with pytest.raises(UserError, match="sentence is for criteria only"):
        stage(tmp_path, corpus, "evidence", str(encoder), unit="sentence")


def test_an_encoder_that_is_nowhere_is_refused_with_the_three_ways(tmp_path, corpus, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="local folder.*cache.*bundled"):
        stage(tmp_path, corpus, "criteria", "nobody/no-such-encoder")
    assert not (tmp_path / "studies.db").exists()


STAGE1 = StageConfig(
    name="stage1", label="coarse", space="large", n_trials=3, epochs=2, patience=2, workers={"count": 1, "threads": 1},
    refine="bounding_box",
)  # fmt: skip


def settings_of(encoder) -> TrainingSettings:
    return TrainingSettings(precision="float32", fixed={"encoder": str(encoder), "max_length": 48})


def test_a_stage_refines_its_parents_space_and_begins_with_its_best_trials(tmp_path, corpus, encoder, caplog):
    caplog.set_level(logging.INFO, "psy_agents")
    parent = best_trials("criteria", corpus, settings_of(encoder), {"learning_rate": 1e-3}, {"learning_rate": 3e-3})
    output = stage(tmp_path, corpus, "criteria", str(encoder), parent=parent, stage=STAGE1)
    trials = read_study(tmp_path / "studies.db", output.top_k["study"]).trials
    rates = [trial.params["learning_rate"] for trial in trials]
    assert rates[:2] == [1e-3, 3e-3] and [trial.user_attrs["enqueued"] for trial in trials] == [True, True, False]

    box = refine(SPACES.space("criteria", "large", settings_of(encoder)), parent, STAGE1.refine)
    low, high = box.box["learning_rate"]
    assert low < 1e-3 and 3e-3 < high and low <= rates[2] <= high
    kept = {"study": parent.study, "trials": [11, 12], "box": {"learning_rate": [low, high]},
            "whole": {"learning_rate": [1e-5, 1e-1]}, "enqueued": 2, "observed": {}}  # fmt: skip
    study = read_study(tmp_path / "studies.db", output.top_k["study"])
    assert study.user_attrs["refined_from"] == output.top_k["refined_from"] == kept
    assert box.sentence() in caplog.text
    assert files_with(tmp_path, CANARY) == []

    again = stage(tmp_path, corpus, "criteria", str(encoder), parent=parent, stage=STAGE1)
    assert again == output, "nothing is trained again"
    assert len(read_study(tmp_path / "studies.db", output.top_k["study"]).trials) == 3


CARRY = STAGE1.model_copy(update={"refine": CarryOver(enqueue=1, margin=0.5)})


def test_each_stage_observes_all_stages_before_it_and_logs_it(tmp_path, corpus, encoder, caplog):
    caplog.set_level(logging.INFO, "psy_agents")

    def run(config, parent=None, **changes):
        config = config.model_copy(update={"epochs": 1, "patience": 1, **changes})
        output = stage(tmp_path, corpus, "criteria", str(encoder), parent=parent, stage=config)
        return TopK.model_validate(output.top_k), read_study(tmp_path / "studies.db", output.top_k["study"])

    first, study0 = run(STAGE0)
    second, study1 = run(CARRY, first, n_trials=2)
    third, study2 = run(CARRY, second, name="stage2", label="fine", n_trials=2)
    assert third.refined_from.observed == study2.user_attrs["refined_from"]["observed"] == {first.study: 2, second.study: 2}
    assert second.refined_from.study == first.study and second.refined_from.observed == {first.study: 2}
    snapshot = [(each["study"], each["params"]) for each in study2.user_attrs["observations"]]
    assert snapshot == [(study.study_name, trial.params) for study in (study0, study1) for trial in study.trials]
    assert study2.user_attrs["observations"][:2] == study1.user_attrs["observations"]
    assert study2.trials[0].params == second.trials[0].params and not study2.trials[1].user_attrs["enqueued"]
    assert f"observes 2 of {first.study}, 2 of {second.study}; 1 of its trials go first" in caplog.text
    assert f"observes only the 2 best trials of {first.study}" not in caplog.text

    grown, _ = run(STAGE0, n_trials=3)
    assert grown.study == first.study
    pinned, _ = run(CARRY, first, n_trials=2)
    assert pinned == second, "the same list of best trials gives the same study"
    other, _ = run(CARRY, grown, n_trials=1)
    assert other.study != second.study and f"changed since {second.study}: observed.digest" in caplog.text
    assert files_with(tmp_path, CANARY) == []


def test_a_half_done_stage_continues_after_its_predecessor_has_gone_from_the_store(tmp_path, corpus, encoder, caplog):
    def run(config, parent=None, **changes):
        config = config.model_copy(update={"epochs": 1, "patience": 1, **changes})
        return TopK.model_validate(stage(tmp_path, corpus, "criteria", str(encoder), parent=parent, stage=config).top_k)

    first = run(STAGE0)
    second = run(CARRY, first, n_trials=2)
    half = run(CARRY, second, name="stage2", label="fine", n_trials=1)
    optuna.delete_study(study_name=second.study, storage=f"sqlite:///{tmp_path / 'studies.db'}")
    whole = run(CARRY, second, name="stage2", label="fine", n_trials=2)
    assert whole.study == half.study and whole.n_trials == 2
    assert whole.refined_from.observed == {first.study: 2, second.study: 2}
    assert "observes only" not in caplog.text
    other = second.model_copy(update={"finished": (*second.finished, 7)})
    assert run(CARRY, other, name="stage2", label="fine", n_trials=1).study != half.study
    assert f"observes only the 2 best trials of {second.study}" in caplog.text


class Prepared(Exception):
    """A stage was about to run."""


@pytest.fixture
def prepared(monkeypatch, tmp_path, corpus, encoder, caplog):
    """Prepares a stage up to its first trial: its space's range, what goes first, its study's name, and what was logged."""
    caplog.set_level(logging.INFO, "psy_agents")
    seen = []

    class Recorder:
        def __init__(self, config, space, enqueued, store, name, *, attributes, **_):
            (rate,) = space.parameters
            seen.append(((rate.distribution.low, rate.distribution.high), enqueued, name))
            for key, value in {"max_retries": 0, "checkpoint_root": str(tmp_path), **attributes}.items():
                store.study(name).set_user_attr(key, value)

        def run(self):
            raise Prepared

    monkeypatch.setattr("psy_agents.hpo.run_stage.StageRunner", Recorder)

    def prepare(**changes):
        caplog.clear()
        with pytest.raises(Prepared):
            stage(tmp_path, changes.pop("corpus", corpus), "criteria", str(encoder), **{"stage": STAGE1, **changes})
        return *seen[-1], caplog.text

    return prepare


WHOLE = ((1e-5, 1e-1), [{"learning_rate": 1e-3}])


def test_without_a_parent_the_whole_space_is_searched_and_it_is_logged(prepared, corpus, encoder):
    parent = best_trials("criteria", corpus, settings_of(encoder), {"learning_rate": 1e-3}, {"learning_rate": 3e-3})
    *found, _, logged = prepared()
    assert tuple(found) == WHOLE and "it searches the whole space alone" in logged
    *found, _, logged = prepared(parent=parent, stage=STAGE1.model_copy(update={"refine": NoRefinement()}))
    assert tuple(found) == WHOLE and "refines" not in logged and "whole space" not in logged


def test_a_predecessor_that_is_not_in_the_store_is_observed_by_its_best_trials_and_it_is_logged(prepared, corpus, encoder):
    params = {"learning_rate": 1e-3}, {"learning_rate": 3e-3}
    parent = best_trials("criteria", corpus, settings_of(encoder), *params, finished=(11, 12))
    span, first, _, logged = prepared(parent=parent, stage=CARRY)
    assert (span, first) == ((1e-5, 1e-1), [{"learning_rate": 1e-3}])
    assert f"observes only the 2 best trials of {parent.study}: the store lacks trials that the list was chosen from" in logged
    *_, logged = prepared(parent=parent.model_copy(update={"finished": None}), stage=CARRY)
    assert f"observes only the 2 best trials of {parent.study}: the list is of an earlier version" in logged
    *_, logged = prepared(parent=parent.model_copy(update={"data_hash": "other"}), stage=CARRY)
    assert "another corpus or other splits; only its parameters and ranks are taken over" in logged


def test_a_parent_of_other_data_is_used_with_a_warning_and_one_of_another_agent_is_refused(prepared, corpus, encoder):
    params = {"learning_rate": 1e-3}, {"learning_rate": 3e-3}
    parent = best_trials("criteria", corpus, settings_of(encoder), *params)
    same, first, _, logged = prepared(parent=parent)
    assert "WARNING" not in logged and first == list(params)
    other, _, _, logged = prepared(parent=parent.model_copy(update={"data_hash": "other"}))
    assert other == same and "WARNING" in logged and "another corpus or other splits" in logged
    with pytest.raises(UserError, match=r"^The best trials before \w+ of criteria are those of share: run the stage before again\.$"):
        prepared(parent=parent.model_copy(update={"agent": "share"}))


def test_a_change_makes_a_new_study_and_is_named(prepared, corpus):
    *_, first, logged = prepared()
    assert "starts a new study" not in logged
    assert prepared()[2] == first
    narrow = {"learning_rate": FloatRange(type="float", low=1e-5, high=1e-2, log=True)}
    reworded = replace(corpus, criteria={**CRITERIA, "SLEEP": "sleeps badly"})
    before = first
    for changes, named in [
        ({"stage": STAGE1.model_copy(update={"epochs": 3})}, "stage.epochs"),
        ({"objective_evidence_weight": 0.4}, "stage.epochs, training.objective_evidence_weight"),
        ({"spaces": SPACES.model_copy(update={"large": narrow})},
         "space.learning_rate.distribution, training.objective_evidence_weight"),
        ({"corpus": reworded}, "corpus, space.learning_rate.distribution"),
    ]:  # fmt: skip
        *_, name, logged = prepared(**changes)
        assert name != before and f"{name} starts a new study: changed since {before}: {named}\n" in logged
        before = name
    for unchanging in ({"n_trials": 9}, {"timeout": 60.0}, {"workers": WorkersConfig(count=2)}, {"top_k": 1}):
        assert prepared(stage=STAGE1.model_copy(update=unchanging))[2] == first
