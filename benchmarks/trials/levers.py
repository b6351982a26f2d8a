"""Gain of each lever: a trial with all levers on, and with each switched off (`speed.py levers`)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch
from trials.same_trials import alone, one_trial, read_corpus, spread

from psy_agents.agents.encoders import dropout
from psy_agents.training import batches, trainer
from psy_agents.training.step import forward

Way = tuple[dict[str, Any], dict[str, Any], Callable | None]
FROZEN = {"frozen_layers": 4}


def levers(arguments: argparse.Namespace) -> None:
    """Print each way's seconds and their ratio to the one with all levers on, round by round."""
    corpus = read_corpus(arguments)
    every = ways(arguments.precision, arguments.device)
    taken: dict[str, list[float]] = {name: [] for name in every}
    values: dict[str, list[float]] = {name: [] for name in every}
    for number in range(arguments.rounds):
        names = list(every)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            each, value = alone(arguments.device, one_trial, corpus, *every[name], arguments, number)
            taken[name].append(each)
            values[name].append(value)
    print("way                                          s a trial            times its base       macro-F1")
    for name in every:
        base = "4 layers frozen, states kept" if name.startswith("4") else "all on"
        ratios = [mine / other for mine, other in zip(taken[name], taken[base], strict=True)]
        print(f"{name:44} {spread(taken[name], 1):20} {spread(ratios, 2):20} {spread(values[name], 3)}", flush=True)


def ways(precision: str, device: str) -> dict[str, Way]:
    """Settings, hyper-parameters and a patch of each way to run the same trial."""
    on = {"precision": precision}
    off = {"precision": precision, "packing": False}
    on_cpu = {"freed memory given back": (on | {"keep_freed_memory": False}, {}, None)} if device == "cpu" else {}
    return {
        "all on": (on, {}, None),
        "padded, in buckets (packing off)": (off, {}, None),
        "padded, at random (packing and buckets off)": (off, {}, unbucketed),
        "float32": (on | {"precision": "float32"}, {}, None),
        "AdamW not fused": (on, {}, unfused),
        **on_cpu,
        "dropout of torch": (on, {}, dropout_of_torch),
        "last layer whole": (on | {"short_last_layer": False}, {}, None),
        "evaluation in small batches": (on | {"cuda_graphs": "off"}, {}, evaluated_in_small_batches),
        **({} if device == "cpu" else {"without CUDA graphs": (on | {"cuda_graphs": "off"}, {}, None)}),
        "4 layers frozen, states kept": (on, FROZEN, None),
        "4 layers frozen, last layer whole": (on | {"short_last_layer": False}, FROZEN, None),
        "4 layers frozen, run each time": (on | {"frozen_states_gib": 0.0}, FROZEN, None),
    }


@contextmanager
def unfused() -> Iterator[None]:
    """AdamW one parameter after another."""
    made = trainer.optimiser

    def plain(agent: Any, config: Any, **options: Any) -> torch.optim.AdamW:
        found = made(agent, config, **options)
        for group in found.param_groups:
            group |= {"fused": False, "foreach": False}
        return found

    with mock.patch.object(trainer, "optimiser", plain):
        yield


@contextmanager
def dropout_of_torch() -> Iterator[None]:
    """Masks drawn as torch draws them."""
    with mock.patch.object(dropout.FastDropout, "forward", torch.nn.Dropout.forward):
        yield


@contextmanager
def unbucketed() -> Iterator[None]:
    """Batches of any lengths."""
    with mock.patch.object(batches, "BUCKET_BATCHES", 1):
        yield


@contextmanager
def evaluated_in_small_batches() -> Iterator[None]:
    """16 windows, in the data's order."""

    def in_order(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
        yield from np.split(np.arange(len(lengths)), range(16, len(lengths), 16))

    with mock.patch.object(forward, "token_budget_batches", in_order):
        yield
