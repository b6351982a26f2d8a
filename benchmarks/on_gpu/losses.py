"""Trials for `gpu.py equal`, and the losses of one trial on two ways."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from on_gpu.steps import FIXED

from psy_agents.corpus.corpus import Corpus
from psy_agents.training.config import TrainingSettings
from psy_agents.training.trainer import TrainingData, TrainingRun


def ways(device: str) -> dict[str, dict[str, Any]]:
    """Two settings that must train the same; on a CPU, where nothing is captured, they run the same."""
    return {"captured" if device == "cuda" else "auto": {"cuda_graphs": "auto"}, "uncaptured": {"cuda_graphs": "off"}}


def compare(agent: str, encoder: Path, corpus: Corpus, epochs: int, device: str) -> dict[str, Any]:
    """The losses of both ways, step by step: without dropout, whose masks may differ."""
    found, seconds = {}, {}
    for way, settings in ways(device).items():
        run = new_run(agent, encoder, corpus, device, epochs, encoder_dropout=0.0, head_dropout=0.0, **settings)
        begin = time.perf_counter()
        found[way] = np.array([loss for epoch in run.epochs() for loss in epoch.losses])
        seconds[way] = round(time.perf_counter() - begin, 2)
        del run
    first, second = found.values()
    return {
        "ways": list(found), "steps": len(first), "largest_difference": float(np.abs(first - second).max()),
        "last_losses": [round(float(losses[-1]), 5) for losses in (first, second)], "seconds": list(seconds.values()),
    }  # fmt: skip


def new_run(
    agent: str, encoder: Path, corpus: Corpus, device: str, epochs: int, *, batch: int = 16, **changes: Any
) -> TrainingRun:
    """A trial; changes are hyper-parameters and settings."""
    settings = {name: changes.pop(name) for name in [*changes] if name in TrainingSettings.model_fields}
    fixed = FIXED | {"encoder": str(encoder), "batch_size": batch, "max_length": 256} | changes
    made = TrainingSettings(precision="bfloat16" if device == "cuda" else "float32", fixed=fixed, **settings)
    data, config = TrainingData(corpus, agent, made), made.hyperparameters({})
    return TrainingRun(agent, config, made, data, seed=0, epochs=epochs, patience=epochs, keep_weights=False, device=device)
