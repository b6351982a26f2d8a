"""Cross-validation with stand-ins for stages and refits: what each fold gets, what a killed run repeats, and what is pooled."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from support.small_search import SPACES, best_trials, training_settings

from psy_agents.corpus.corpus import Corpus
from psy_agents.evaluation.predictions import gold_table, no_predictions, predictions_table
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.cross_validation import run
from psy_agents.hpo.cross_validation.config import CrossValidationConfig
from psy_agents.hpo.cross_validation.cost import CrossValidationCost, log_cost
from psy_agents.hpo.cross_validation.run import CrossValidationSummary, cross_validate
from psy_agents.hpo.cross_validation.search import FoldSearch, fold_stages
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.run_refit import RefitOutput
from psy_agents.hpo.run_stage import StageOutput

STAGES = {
    name: StageConfig(name=name, label=label, n_trials=2, epochs=3, patience=2, seed=7)
    for name, label in {"stage0": "sanity", "stage1": "coarse", "stage2": "fine", "maximal": ""}.items()
}
PROBABILITY = {0: 0.9, 1: 0.6, 2: 0.3, 3: 0.1}


@dataclass
class StandIns:
    """In place of stages and refits; they note what they are given. The refit of fold ``dies`` is interrupted once."""

    summary: dict
    dies: int | None = None
    stages: list[tuple[str, str, str | None]] = field(default_factory=list)
    refits: list[Corpus] = field(default_factory=list)

    def run_stage(self, agent, fold, stage, settings, spaces, paths, *, parent, callbacks) -> StageOutput:
        self.stages.append((stage.name, stage.label, None if parent is None else parent.study))
        found = best_trials(agent, fold, settings, {"learning_rate": 1e-3}, study=f"{agent}-{stage.name}-{stage.label}")
        return StageOutput(found.model_dump(mode="json"), None)

    def run_refit(self, agent, fold, config, settings, top, paths, callbacks) -> RefitOutput:
        number = int(top.study[-1])
        if number == self.dies:
            self.dies = None
            raise KeyboardInterrupt
        self.refits.append(fold)
        gold = gold_table(fold.pairs, fold.splits, "test")
        probabilities = np.full(len(gold), PROBABILITY[number])
        table = predictions_table(gold, probabilities=probabilities, predicted=probabilities > 0.5, spans=None)
        summary = {**self.summary, "from_study": top.study, "data_hash": fold.fingerprint, "test_value": PROBABILITY[number]}
        return RefitOutput(summary, None, table, no_predictions())


@pytest.fixture
def stand_ins(monkeypatch, refits) -> StandIns:
    found = StandIns(refits.single("criteria").output.summary)
    monkeypatch.setattr(run, "run_stage", found.run_stage)
    monkeypatch.setattr(run, "run_refit", found.run_refit)
    return found


@pytest.fixture
def given(corpus, encoder, tmp_path):
    def make(**config) -> tuple:
        paths = StoragePaths(tmp_path / "studies.db", tmp_path / "models")
        cross = CrossValidationConfig(folds=4, **config)
        return "criteria", corpus, FoldSearch.of(cross, STAGES, SPACES, RefitConfig(), training_settings(encoder), paths)

    return make


def test_each_fold_searches_stage_after_stage_and_each_pair_is_tested_once(stand_ins, given, corpus):
    output = cross_validate(*given())
    assert stand_ins.stages[:4] == [
        ("stage0", "sanity_fold0", None),
        ("stage1", "coarse_fold0", "criteria-stage0-sanity_fold0"),
        ("stage2", "fine_fold0", "criteria-stage1-coarse_fold0"),
        ("stage0", "sanity_fold1", None),
    ]
    assert len(stand_ins.stages) == 4 * 3
    assert sorted(post for fold in stand_ins.refits for post in fold.members("test")) == sorted(corpus.posts["post_id"])
    pairs = ["post_id", "criterion", "label"]
    pd.testing.assert_frame_equal(output.predictions[pairs], corpus.pairs[pairs].reset_index(drop=True))

    summary = CrossValidationSummary.model_validate(output.summary)
    fold_of = {post: number for number, fold in enumerate(stand_ins.refits) for post in fold.members("test")}
    assert output.predictions["probability"].tolist() == [PROBABILITY[fold_of[post]] for post in output.predictions["post_id"]]
    assert [each.test_value for each in summary.results] == list(PROBABILITY.values())
    assert len({each.data_hash for each in summary.results}) == 4
    assert summary.data_hash == corpus.fingerprint
    assert all(sum(each.posts.values()) == 40 for each in summary.results)


def test_a_killed_run_has_the_same_folds_again(stand_ins, given):
    stand_ins.dies = 2
    with pytest.raises(KeyboardInterrupt):
        cross_validate(*given())
    first, stand_ins.refits = stand_ins.refits, []
    cross_validate(*given())
    assert [fold.fingerprint for fold in stand_ins.refits[:2]] == [fold.fingerprint for fold in first]


def test_another_seed_has_other_folds(stand_ins, given):
    cross_validate(*given())
    cross_validate(*given(seed=1))
    hashes = [fold.fingerprint for fold in stand_ins.refits]
    assert len(set(hashes)) == 8


def test_the_maximal_search_is_one_stage_and_no_search_is_one_trial_of_the_fixed_hyperparameters(given):
    (maximal,), spaces = fold_stages(CrossValidationConfig(search="maximal"), STAGES, SPACES)
    assert (maximal.name, maximal.keep_checkpoints) == ("maximal", 0)
    assert spaces is SPACES
    *_, search = given(search="none")
    (fixed,), settings, spaces = search.stages, search.settings, search.spaces
    assert (fixed.name, fixed.n_trials, fixed.epochs, fixed.patience, fixed.seed) == ("fixed", 1, 3, 2, 7)
    assert spaces.space("criteria", fixed.space, settings).parameters == ()
    assert spaces.firsts("criteria", fixed.space, spaces.space("criteria", fixed.space, settings)) == []


def test_groups_stay_together_in_every_fold(stand_ins, given, corpus):
    names = np.array(["train"] * 14 + ["validation"] * 3 + ["test"] * 3)
    groups = corpus.splits.assign(cluster=np.arange(40) // 2, split=names.repeat(2))
    agent, _, *rest = given()
    cross_validate(agent, replace(corpus, splits=groups), *rest)
    for fold in stand_ins.refits:
        assert fold.splits.groupby("cluster")["split"].nunique().max() == 1


def test_folds_of_adapters_keep_adapters_alone(given, caplog):
    caplog.set_level("INFO", logger="psy_agents")
    agent, corpus, search = given()
    for rank in (64, 0):
        fixed = search.settings.model_copy(update={"fixed": {**search.settings.fixed, "lora_rank": rank}})
        log_cost(agent, corpus, replace(search, settings=fixed))
    adapters, whole = (float(re.search(r"([\d.]+) kB of weights", record.message)[1]) for record in caplog.records)
    assert adapters == pytest.approx(whole / 10, rel=0.01)


def test_the_cost_is_one_line():
    known = CrossValidationCost(folds=5, trials=390, trainings=130, hours=(3.0, 4.5), disk_bytes=540_000_000)
    assert known.sentence() == "5 folds: 390 trials, 130 trainings of refits, about 3.0 to 4.5 hours, 540.0 MB of weights"
    assert "time not known" in replace(known, hours=None).sentence()
