"""A whole stage of each agent on a tiny random encoder: real workers, a real store, saved weights, no text outside."""

import logging
from dataclasses import replace
from pathlib import Path

import optuna
import pandas as pd
import pytest
from small_search import CANARY, CRITERIA, SPACES, files_with

from psy_agents.agents.names import AGENTS
from psy_agents.agents.saving import load_agent
from psy_agents.errors import UserError
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.search import Places, run_stage
from psy_agents.hpo.store import read_studies, read_study
from psy_agents.hpo.topk import TopK
from psy_agents.training.config import TrainingSettings

STAGE0 = StageConfig(name="stage0", label="sanity", n_trials=2, epochs=2, patience=2, top_k=2, workers=1)


def stage(tmp_path: Path, corpus, agent: str, encoder: str, *, spaces=SPACES, parent=None, stage=STAGE0, **settings):
    return run_stage(
        agent,
        corpus,
        stage,
        TrainingSettings(precision="float32", fixed={"encoder": encoder, "max_length": 48}, **settings),
        spaces,
        Places(tmp_path / "studies.db", tmp_path / "models", tmp_path / "logs"),
        parent=parent,
    )


@pytest.mark.parametrize("agent", AGENTS)
def test_a_stage_ranks_its_trials_keeps_the_best_weights_and_lets_no_text_out(tmp_path, corpus, encoder, agent):
    top_k = TopK.model_validate(stage(tmp_path, corpus, agent, str(encoder)).top_k)
    assert [trial.rank for trial in top_k.trials] == [1, 2] and top_k.agent == agent
    assert all(0 <= trial.value <= 1 for trial in top_k.trials)

    model, tokenizer, decisions, described = load_agent(Path(top_k.trials[0].checkpoint))
    assert described["agent"] == agent and described["criteria"] == CRITERIA
    assert top_k.trials[1].checkpoint is None
    logs = tmp_path / "logs" / top_k.study
    assert sorted(file.name for file in logs.iterdir()) == ["trial_0000.log", "trial_0001.log"]

    assert files_with(tmp_path, CANARY) == []


def test_splits_of_other_posts_are_refused_before_a_study_is_made(tmp_path, corpus, encoder):
    newer = replace(corpus, posts=pd.concat([corpus.posts, pd.DataFrame({"post_id": ["p99"], "text": ["New."]})]))
    with pytest.raises(UserError, match="1 of 41 posts have no split"):
        stage(tmp_path, newer, "criteria", str(encoder))
    assert not (tmp_path / "studies.db").exists()


def test_the_same_stage_elsewhere_gives_the_same_values(tmp_path, corpus, encoder):
    first = stage(tmp_path / "a", corpus, "share", str(encoder)).top_k["trials"]
    second = stage(tmp_path / "b", corpus, "share", str(encoder)).top_k["trials"]
    assert [(t["value"], t["params"], t["metrics"]) for t in first] == [(t["value"], t["params"], t["metrics"]) for t in second]


def test_the_criteria_agent_reads_by_sentence_and_is_scored_by_post(tmp_path, corpus, encoder):
    top_k = stage(tmp_path, corpus, "criteria", str(encoder), unit="sentence").top_k
    assert len(top_k["trials"]) == 2
    with pytest.raises(UserError, match="criteria agent only"):
        stage(tmp_path, corpus, "evidence", str(encoder), unit="sentence")


def test_an_encoder_that_is_nowhere_is_refused_with_the_three_ways(tmp_path, corpus, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="local folder.*cache.*bundled"):
        stage(tmp_path, corpus, "criteria", "nobody/no-such-encoder")
    assert not (tmp_path / "studies.db").exists()
