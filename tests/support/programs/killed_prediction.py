"""A prediction of a file as a program that kills itself at a moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import transformers.modeling_utils  # noqa: F401

from psy_agents.inference import predict_file as predict
from psy_agents.inference import shards
from psy_agents.inference.config import PredictConfig


def kill(*_: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def kill_after(function: Callable, calls: int) -> Callable:
    """The function, which kills this process at the call after so many."""

    def counted(*args: Any, **settings: Any) -> Any:
        nonlocal calls
        calls -= 1
        return kill() if calls < 0 else function(*args, **settings)

    return counted


def main(arguments: Sequence[str]) -> None:
    """Predict ``posts.csv`` of a project in chunks of four posts; killed while writing or merging shards, or before the end."""
    project, model, moment, number = arguments
    if moment == "writing":
        shards.pq.write_table = kill_after(shards.pq.write_table, int(number))
    elif moment == "merging":
        shards.json.dumps = kill_after(shards.json.dumps, 1 + int(number))
    else:
        shards.PredictionShards.finish = kill
    work = Path(project) / "out"
    predict.predict_file("share", Path(model), PredictConfig(project=project, posts="posts.csv", work=work, chunk_posts=4))
