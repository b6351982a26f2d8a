"""The line ``predict`` of `gpu.py equal`: milliseconds a post of a saved agent, captured and uncaptured."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from on_gpu.encoders import CRITERION_TOKENS, SPECIAL_TOKENS
from on_gpu.trainer import now

from psy_agents.agents.saved.agent import Decisions
from psy_agents.corpus.corpus import Corpus
from psy_agents.inference.predictor import PairPredictions, Predictor
from psy_agents.training.data import unlabelled_pairs
from psy_agents.training.trainer import TrainingRun

ROUNDS = 5


def predict(run: TrainingRun, corpus: Corpus, ways: dict[str, dict[str, Any]], device: str) -> dict[str, Any]:
    """Milliseconds a post, tokenising and decoding included, of all posts in a call (`ms`) and of one post a call (`ms_alone`).

    Both ways take turns after a warm-up in which every shape is captured. ``prepared`` are its seconds.
    """
    texts = corpus.posts["text"].tolist()
    typical = sorted(texts, key=len)[len(texts) // 2]
    ms: dict[str, list[float]] = {way: [] for way in ways}
    alone: dict[str, list[float]] = {way: [] for way in ways}
    prepared, answers = {}, {}
    with tempfile.TemporaryDirectory() as place:
        run.save(Path(place) / run.name, Decisions())
        predictors = {way: Predictor(Path(place) / run.name, device, **settings) for way, settings in ways.items()}
    for way, predictor in predictors.items():
        begin = now(device)
        for _ in range(2 if device == "cpu" else 10):
            answers[way] = _predicted(predictor, texts)
            _predicted(predictor, [typical])
        prepared[way] = round(now(device) - begin, 2)
    for _ in range(1 if device == "cpu" else ROUNDS):
        for way, predictor in predictors.items():
            for posts, found in ((texts, ms), ([typical], alone)):
                begin = now(device)
                _predicted(predictor, posts)
                found[way].append(1e3 * (now(device) - begin) / len(posts))
    first, second = (answers[way].probabilities for way in ways)
    return {
        "ways": [*ways], "posts": len(texts), "tokens_alone": len(typical.split()) + SPECIAL_TOKENS + CRITERION_TOKENS,
        "ms": [round(statistics.median(found), 3) for found in ms.values()],
        "ms_alone": [round(statistics.median(found), 3) for found in alone.values()],
        "prepared": [*prepared.values()], "largest_difference": float(np.abs(first - second).max()),
    }  # fmt: skip


def _predicted(predictor: Predictor, texts: list[str]) -> PairPredictions:
    return predictor.predict_pairs(unlabelled_pairs(predictor.criteria, texts))
