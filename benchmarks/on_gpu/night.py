"""The lines ``night`` of `gpu.py equal`: hours of 312 trials, four agents' stages 0 to 2, from a few timed steps of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from on_gpu.encoders import make_corpus, mixed_lengths
from on_gpu.losses import new_run
from on_gpu.trainer import left

from psy_agents.agents.registry import AGENTS
from psy_agents.training.timing import time_epoch

TRIALS = ((8, 3), (20, 10), (50, 15))
"""Trials and epochs of stages 0, 1 and 2 in parameters_hpo.yml."""
SECONDS = 3.0  # Of timed steps of an agent.


def night(encoder: Path, options: Any, ends: float) -> Iterator[dict[str, Any]]:
    """A line for each agent, then their sum: one process, all layers trained, no trial ended early, without the starts of trials.

    The corpus has 886 training posts of mixed length and six criteria.
    """
    posts, longest, criteria = (8, 60, 2) if options.tiny else (886, 300, 6)
    corpus = make_corpus(mixed_lengths(posts, longest), mixed_lengths(max(4, posts // 8), longest, seed=1), criteria)
    trials, epochs = sum(number for number, _ in TRIALS), sum(number * each for number, each in TRIALS)
    hours = []
    for agent in AGENTS:
        if left(ends) < 15 * (not options.tiny):
            yield {"what": "night", "agent": agent, "left_out": "no time is left"}
            continue
        run = new_run(agent, encoder, corpus, options.device, 1, negative_ratio=2.0)
        epoch = time_epoch(run, 0.1 if options.tiny else SECONDS)
        hours.append((epochs * epoch.total + trials * epoch.prepared) / 3600)
        yield {
            "what": "night", "encoder": encoder.name, "agent": agent, "trials": trials, "epochs": epochs, "pairs": len(run._epoch_pairs(1)),
            "epoch_seconds": round(epoch.total, 3), "prepared_seconds": round(epoch.prepared, 2), "hours": round(hours[-1], 3),
        }  # fmt: skip
        del run
    if len(hours) == len(AGENTS):
        yield {"what": "night", "encoder": encoder.name, "trials": trials * len(hours), "hours": round(sum(hours), 3)}
