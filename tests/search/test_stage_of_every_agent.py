"""A whole stage of each agent on a tiny random encoder: real workers, a real store, saved weights, no text outside."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from psy_agents.agents.names import AGENTS
from psy_agents.agents.saving import load_agent
from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.prepare import prepare_corpus, split_corpus
from psy_agents.errors import UserError
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.search import run_stage
from psy_agents.hpo.space_config import SearchSpaceConfig
from psy_agents.hpo.topk import TopK
from psy_agents.training.config import TrainingSettings
from psy_agents.training.data import Corpus

CANARY = "zanzibarcanary"
CRITERIA = {"SLEEP": "trouble sleeping", "FATIGUE": "no energy"}
SENTENCES = {"SLEEP": "I barely slept all week.", "FATIGUE": "I have no energy left."}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    """A random BERT of two layers with a word-piece tokenizer of its own."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = BertWordPieceTokenizer()
    tokenizer.train_from_iterator([*SENTENCES.values(), *CRITERIA.values(), "We walked to the market and home."], vocab_size=200)
    tokenizer.save_model(str(folder))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=tokenizer.get_vocab_size(), **size)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Forty posts, each with one, both or none of two criteria, and a word that must stay inside them."""
    posts, annotations = [], []
    for number in range(40):
        met = [c for bit, c in enumerate(CRITERIA) if number >> bit & 1]
        text = " ".join([f"We walked to the market, {CANARY} {number}.", *(SENTENCES[c] for c in met), "Then home."])
        posts.append({"post_id": f"p{number}", "text": text})
        annotations += [
            {"post_id": f"p{number}", "sentence_text": SENTENCES[c], "DSM5_symptom": c, "status": "1"} for c in met
        ]
    splits = {"train": 0.6, "validation": 0.2, "test": 0.2, "near_duplicates": None}
    settings = CorpusSettings.model_validate({"splits": splits})
    made = prepare_corpus(pd.DataFrame(posts), pd.DataFrame(annotations), CRITERIA, settings, salt="salt")
    splits = split_corpus(made.posts, made.pairs, settings.splits)
    return Corpus(made.posts, made.pairs, made.sentences, splits, made.criteria)


SPACES = SearchSpaceConfig(
    small={"common": {"learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}}},
    large={},
    baselines={agent: [{"learning_rate": 1e-3}] for agent in AGENTS},
)


def stage(tmp_path: Path, corpus: Corpus, agent: str, encoder: str, **settings):
    return run_stage(
        agent,
        corpus,
        StageConfig(name="stage0", label="sanity", n_trials=2, epochs=2, patience=2, top_k=2, workers=1),
        TrainingSettings(precision="float32", fixed={"encoder": encoder, "max_length": 48}, **settings),
        SPACES,
        size="small",
        store=tmp_path / "studies.db",
        checkpoints=tmp_path / "models",
        logs=tmp_path / "logs",
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

    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


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
