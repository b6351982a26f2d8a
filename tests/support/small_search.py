"""A corpus of forty posts and a random encoder of two layers: what a stage and a refit need, in a second."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from support.tiny_bert import build_bert

from psy_agents.agents.registry import AGENTS
from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.prepare import PreparedCorpus, prepare_corpus, split_corpus
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.hpo.study.store import digest
from psy_agents.hpo.study.topk import TopK
from psy_agents.training.config import TrainingSettings

CANARY = "zanzibarcanary"
CRITERIA = {"SLEEP": "trouble sleeping", "FATIGUE": "no energy"}
SENTENCES = {"SLEEP": "I barely slept all week.", "FATIGUE": "I have no energy left."}
SETTINGS = CorpusSettings.model_validate(
    {"splits": {"train": 0.6, "validation": 0.2, "test": 0.2, "near_duplicates": None}}
)
SPACES = SearchSpaceConfig(
    small={"learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}},
    large={"learning_rate": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}},
    first_trials={size: {agent: [{"learning_rate": 1e-3}] for agent in AGENTS} for size in ("small", "large")},
)


def build_encoder(folder: Path) -> Path:
    """A random BERT with a word-piece tokenizer of its own."""
    texts = [*SENTENCES.values(), *CRITERIA.values(), "We walked to the market and home."]
    return build_bert(folder, texts, vocab_size=200, layers=2)


def build_corpus() -> Corpus:
    """Posts with one, both or none of two criteria, each with a word that must stay inside it."""
    made, splits = prepared()
    return Corpus(made.posts, made.pairs, made.sentences, splits, made.criteria, name="tiny")


def prepared() -> tuple[PreparedCorpus, pd.DataFrame]:
    """The same with its account, and the splits."""
    posts, annotations = [], []
    for number in range(40):
        met = [c for bit, c in enumerate(CRITERIA) if number >> bit & 1]
        text = " ".join([f"We walked to the market, {CANARY} {number}.", *(SENTENCES[c] for c in met), "Then home."])
        posts.append({"post_id": f"p{number}", "text": text})
        annotations += [
            {"post_id": f"p{number}", "sentence_text": SENTENCES[c], "DSM5_symptom": c, "status": "1"} for c in met
        ]
    made = prepare_corpus(pd.DataFrame(posts), pd.DataFrame(annotations), CRITERIA, SETTINGS, salt="salt")
    return made, split_corpus(made.posts, made.pairs, SETTINGS.splits)


def files_with(folder: Path, text: str) -> list[Path]:
    """Files below a folder that hold the text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def training_settings(encoder: Path, **settings) -> TrainingSettings:
    """The encoder in float32, posts cut into windows."""
    return TrainingSettings(precision="float32", fixed={"encoder": str(encoder), "max_length": 32}, **settings)


def best_trials(agent: str, corpus: Corpus, settings: TrainingSettings, *params: dict, **changes) -> TopK:
    """What a stage would list had its best trials these parameters, best first."""
    trials = [
        {"rank": rank, "trial": 10 + rank, "value": 1 - rank / 100, "metrics": {}, "params": each, "best_epoch": 1,
         "epochs_run": 2, "seconds": 1.0, "seed": 0, "checkpoint": None}
        for rank, each in enumerate(params, start=1)
    ]  # fmt: skip
    described = {
        "study": f"{agent}-stage0-sanity-00000000", "stage": "stage0", "label": "sanity", "agent": agent, "space_hash": "s",
        "data_hash": corpus.fingerprint, "settings_hash": digest(settings.model_dump(mode="json")), "refined_from": None,
        "epochs": 3, "patience": 3, "versions": {}, "n_trials": len(params),
        "epochs_trained": 3 * len(params), "states": {"complete": len(params)},
    }  # fmt: skip
    return TopK.model_validate({**described, "trials": trials, **changes})
