"""The trial that the speed benchmarks compare: pairs, hyper-parameters, epochs, learning rates."""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from trials.roofline import seconds
from trials.same_pairs import MAX_LENGTH, same_pairs

from psy_agents.corpus.corpus import Corpus
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.training.config import TrainingSettings
from psy_agents.training.trainer import TrainingRun

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
LOWEST_RATE, HIGHEST_RATE = 5e-5, 2e-4
EPOCHS = 3
LIKE_BERT = {
    "encoder_dropout": 0.1,
    "head_dropout": 0.1,
    "head_lr_factor": 1.0,
    "weight_decay": 0.01,
    "warmup_ratio": 0.1,
    "negative_ratio": 100.0,  # All that there are.
    "max_length": MAX_LENGTH,
    "pooling": "cls",
    "similarity": "none",
}


def read_corpus(arguments: argparse.Namespace, posts: int | None = None) -> Corpus:
    """The corpus of the given number of posts; None: of the number in the arguments."""
    return same_pairs(posts or arguments.posts, arguments.encoder, arguments.negatives)


def like_bert(arguments: argparse.Namespace) -> dict[str, Any]:
    """Hyper-parameters of all trials, ours and the Trainer's."""
    return LIKE_BERT | {
        "encoder": arguments.encoder,
        "batch_size": arguments.batch,
        "frozen_layers": arguments.frozen_layers,
    }


def learning_rates(arguments: argparse.Namespace) -> list[float]:
    """The learning rates, one for each trial."""
    return np.geomspace(LOWEST_RATE, HIGHEST_RATE, arguments.trials).tolist()


def alone(device: str, function: Callable, *args: Any) -> Any:
    """Call the function in a new process, to measure the cost of kept and freed memory. On a GPU, which has none, call it here."""
    if device == "cuda":
        return function(*args)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return pool.submit(function, *args).result()


def one_trial(
    corpus: Corpus,
    settings: dict[str, Any],
    params: dict[str, Any],
    patch: Callable | None,
    arguments: argparse.Namespace,
    seed: int,
) -> tuple[float, float]:
    """Seconds and value of a trial in a worker that has the corpus tokenised and frozen states made, as all but its first."""
    made = TrainingSettings(**settings, fixed=like_bert(arguments))
    config = made.hyperparameters({"learning_rate": 1e-4, **params})
    training_data = SearchSetup("criteria", made, corpus).new_training_data()
    options = {"seed": seed, "epochs": EPOCHS, "patience": EPOCHS, "device": arguments.device}
    with (patch or nullcontext)():
        next(TrainingRun("criteria", config, made, training_data, **options).epochs())
        begin = seconds(arguments.device)
        run = TrainingRun("criteria", config, made, training_data, **options)
        for _ in run.epochs():
            pass
        return seconds(arguments.device) - begin, run.best.left.epoch.value


def spread(values: Sequence[float], digits: int) -> str:
    """Median, lowest and highest."""
    if not values:
        return "-"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"
