"""`gpu.py equal`: the losses of one trial on two ways, the seconds of an epoch by part, and what a prediction takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from on_gpu.encoders import make_corpus, mixed_lengths
from on_gpu.predicting import predict
from on_gpu.steps import FIXED
from on_gpu.trainer import left, now

from psy_agents.corpus.corpus import Corpus
from psy_agents.training.config import TrainingSettings
from psy_agents.training.step.buckets import Buckets
from psy_agents.training.timing import time_evaluation
from psy_agents.training.trainer import TrainingData, TrainingRun

AGENTS = ("share", "joint")


def equal(options: Any, folder: Callable[[str], Path], ends: float) -> Iterator[dict[str, Any]]:
    """Lines of losses, a line of predictions, then a line of an epoch's parts."""
    posts, longest, epochs = (12, 60, 1) if options.tiny else (160, 300, 2)
    corpus = make_corpus(mixed_lengths(posts, longest), mixed_lengths(posts // 3, longest, seed=1), criteria=2 if options.tiny else 4)
    names = options.encoders or (("bert",) if options.tiny else ("bert", "deberta", "modernbert"))
    for name in names:
        for agent in AGENTS[:1] if options.tiny or name != names[0] else AGENTS:
            if left(ends) < 30 * (not options.tiny):
                yield {"what": "losses", "encoder": name, "agent": agent, "left_out": "no time is left"}
                continue
            yield {"what": "losses", "encoder": name, "agent": agent, **compare(agent, folder(name), corpus, epochs, options.device)}
    if left(ends) > 30 * (not options.tiny):
        run = new_run("share", folder(names[0]), corpus, options.device, 1)
        yield {"what": "predict", "encoder": names[0], "agent": "share", **predict(run, corpus, ways(options.device), options.device)}
    if left(ends) > 15 * (not options.tiny):
        yield {"what": "epoch", "encoder": names[0], "agent": "share", **parts(folder(names[0]), corpus, options.device)}


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


def parts(encoder: Path, corpus: Corpus, device: str) -> dict[str, Any]:
    """Seconds of an epoch after the first: its batches (they are part of its steps too), steps, evaluation and scoring."""
    run = new_run("share", encoder, corpus, device, 1)
    run._train_epoch(1)
    begin = now(device)
    losses = run._train_epoch(1)
    steps = now(device) - begin
    evaluation, scoring, _ = time_evaluation(run)
    seconds = {"batches": time_batches(run), "steps": steps, "evaluation": evaluation, "scoring": scoring}
    return {"pairs": len(run.data.train), "steps_number": len(losses), **{name: round(each, 4) for name, each in seconds.items()}}


def time_batches(run: TrainingRun) -> float:
    """Seconds to make all batches of an epoch; where steps are captured, to make their indices: the graphs make the rest."""
    tables, captured = run.train_tables, run.graphs is not None
    buckets = Buckets(int(tables.lengths.max()), int(tables.n_sentences.max()), run.agent.packed)
    steps = run._steps(run._batches(run._epoch_pairs(1)))
    begin = now(run.device.type)
    for pairs in (pairs for step in steps for pairs in step):
        if captured:
            tables.index(pairs, run.config.batch_size, buckets)
        else:
            tables.batch(pairs)
    return now(run.device.type) - begin


def new_run(
    agent: str, encoder: Path, corpus: Corpus, device: str, epochs: int, *, batch: int = 16, **changes: Any
) -> TrainingRun:
    """A trial; changes are hyper-parameters and settings."""
    settings = {name: changes.pop(name) for name in [*changes] if name in TrainingSettings.model_fields}
    fixed = FIXED | {"encoder": str(encoder), "batch_size": batch, "max_length": 256} | changes
    made = TrainingSettings(precision="bfloat16" if device == "cuda" else "float32", fixed=fixed, **settings)
    data, config = TrainingData(corpus, agent, made), made.hyperparameters({})
    return TrainingRun(agent, config, made, data, seed=0, epochs=epochs, patience=epochs, keep_weights=False, device=device)
