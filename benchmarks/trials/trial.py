"""Parts of a trial's time, and its growth (`speed.py trial|growth`)."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from trials.roofline import matrix_peak, seconds, training_flops
from trials.same_trials import EPOCHS, alone, like_bert, one_trial, read_corpus, spread

from psy_agents.corpus.corpus import Corpus
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.training import trainer
from psy_agents.training.config import TrainingSettings
from psy_agents.training.trainer import TrainingData, TrainingRun


def where_time_goes(arguments: argparse.Namespace) -> None:
    """Print the parts of a trial as shares of it, and the share of the matrix peak in its training steps."""
    corpus, device = read_corpus(arguments), arguments.device
    settings = TrainingSettings(precision=arguments.precision, fixed=like_bert(arguments))
    config = settings.hyperparameters({"learning_rate": 1e-4})
    training_data = SearchSetup("criteria", settings, corpus).new_training_data()
    shares: dict[str, list[float]] = {}
    rates, of_peak, peaks = [], [], []
    for number in range(arguments.rounds):
        clock, begin = Clock(device), seconds(device)
        run = clock.timed("model, optimiser, and the corpus where it is not read yet", TrainingRun)(
            "criteria", config, settings, training_data, seed=number, epochs=EPOCHS, patience=EPOCHS, device=device
        )
        run._train_epoch = clock.timed("training steps", run._train_epoch)
        run.scorer.choose = clock.timed("thresholds and metrics", run.scorer.choose)
        run.scorer.score = clock.timed("thresholds and metrics", run.scorer.score)
        with mock.patch.object(trainer, "answers_of", clock.timed("evaluation steps", trainer.answers_of)):
            for _ in run.epochs():
                pass
        with tempfile.TemporaryDirectory() as folder:
            clock.timed("checkpoint on disk", run.save)(Path(folder) / "agent")
        whole = seconds(device) - begin
        clock.seconds["the rest"] = whole - sum(clock.seconds.values())
        for name, taken in clock.seconds.items():
            shares.setdefault(name, []).append(100 * taken / whole)
        windows = run.train_windows
        peak = matrix_peak(run.agent.encoders[0].config, run.precision, device)
        steps = clock.seconds["training steps"]
        flops = EPOCHS * training_flops(
            run.agent.encoders[0].config, windows.lengths, config.frozen_layers, first_tokens_only=bool(run.agent.short_last_layers)
        )
        rates.append(EPOCHS * len(windows.ids) / steps)
        of_peak.append(100 * flops / steps / peak)
        peaks.append(peak / 1e9)
    print(f"precision {run.precision}, {len(windows.lengths)} training windows of {np.mean(windows.lengths):.0f} tokens in the mean")
    for name, found in shares.items():
        print(f"{name:60} {spread(found, 1)} % of a trial")
    print(f"{'real tokens a second in training steps':60} {spread(rates, 0)}")
    print(f"{'matrix peak, GFLOP/s':60} {spread(peaks, 0)}")
    print(f"{'share of it on real tokens in training steps':60} {spread(of_peak, 1)} %")


class Clock:
    """Seconds inside functions, by name."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, function: Callable) -> Callable:
        """The function, its time counted under the name."""

        def run(*args: Any, **kwargs: Any) -> Any:
            begin = seconds(self.device)
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + seconds(self.device) - begin

        return run


def growth(arguments: argparse.Namespace) -> None:
    """Print CPU seconds a trial against its pairs, and against how long they are."""
    print("posts   pairs    tokens   CPU s a trial        microseconds a token and epoch, training and evaluation")
    for posts in (40, 80, 160):
        _growth_row(f"{posts:5}", read_corpus(arguments, posts), {}, arguments)
    print("longest window")
    for length in (64, 128, 192):
        _growth_row(f"{length:5}", read_corpus(arguments, 80), {"max_length": length}, arguments)


def _growth_row(name: str, corpus: Corpus, params: dict[str, Any], arguments: argparse.Namespace) -> None:
    made = TrainingSettings(precision=arguments.precision, fixed=like_bert(arguments))
    training_data, config = TrainingData(corpus, "criteria", made), made.hyperparameters(params)
    run = TrainingRun("criteria", config, made, training_data, seed=0, epochs=1, patience=1, device=arguments.device)
    tokens = len(run.train_windows.ids) + len(run.validation_windows.ids)
    settings = {"precision": arguments.precision}
    trial = (one_trial, corpus, settings, params, None, arguments)
    found = [alone(arguments.device, *trial, number)[0] for number in range(arguments.rounds)]
    each = [1e6 * taken / EPOCHS / tokens for taken in found]
    print(f"{name} {len(training_data.train):7} {tokens:9}   {spread(found, 1):20} {spread(each, 0)}", flush=True)
