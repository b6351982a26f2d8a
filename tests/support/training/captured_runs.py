"""Training runs whose steps are captured, on a GPU or on a CPU by a stand-in for CUDA graphs, and the same without graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.tiny_agents import parameters
from support.training.recorded_graphs import RecordedGraphs

from psy_agents.corpus.corpus import Corpus
from psy_agents.training.config import TrainingSettings
from psy_agents.training.trainer import TrainingData, TrainingRun

STEPS = 30
NO_DROPOUT = {"encoder_dropout": 0.0, "head_dropout": 0.0}


def capture_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training runs on a CPU are captured by the stand-in."""
    monkeypatch.setattr(
        "psy_agents.training.trainer.new_graphs",
        lambda agent, device, settings: None if settings.cuda_graphs == "off" else RecordedGraphs(),
    )


def new_run(corpus: Corpus, encoder: str, agent: str, graphs: str, device: str, packed: bool, **changes) -> TrainingRun:
    """A run in float32, but a packed one on a GPU in bfloat16. A large epsilon keeps AdamW from enlarging rounding errors."""
    precision = "bfloat16" if packed and device == "cuda" else "float32"
    settings = TrainingSettings(precision=precision, cuda_graphs=graphs, packing=packed, evaluation_tokens=512)
    config = parameters(encoder, **{"batch_size": 4, "adam_epsilon": 1e-3} | changes)
    return TrainingRun(agent, config, settings, TrainingData(corpus, agent, settings), seed=3, epochs=9, patience=9, device=device)


def two_shapes(run: TrainingRun) -> list[list[np.ndarray]]:
    """Steps of two micro-batches: of short windows and of pairs with several windows, in turn."""
    counts = np.bincount(run.train_windows.pair)
    single = np.flatnonzero(counts == 1)
    single = single[np.argsort(run.lengths[single], kind="stable")]
    short = single[-4:], single[-4:-1]  # One of fewer pairs.
    several = np.flatnonzero(counts == counts.max())[:3], np.flatnonzero(counts == counts.max())[-3:]
    return [[short[i % 2], several[i // 2 % 2]] if i % 3 else [several[0], short[1]] for i in range(STEPS)]


def train(run: TrainingRun, steps: int = STEPS) -> list[float]:
    """The losses of the first so many of `two_shapes`."""
    run.agent.train()
    losses = []
    for number, batches in enumerate(two_shapes(run)[:steps]):
        run.learning_rates.scale(1 - number / STEPS)
        losses.append(float(run.training_step(batches)))
    return losses


def weights_of(run: TrainingRun) -> torch.Tensor:
    """All weights and buffers in one row, on the CPU."""
    return torch.cat([value.float().flatten() for value in run.agent.state_dict().values()]).cpu()
