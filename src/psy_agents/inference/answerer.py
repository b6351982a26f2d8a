"""Runs a saved agent over the windows of posts; on a GPU in CUDA graphs, which it keeps from call to call."""

from __future__ import annotations

import logging
from threading import Lock
from typing import Any

import torch

from psy_agents.agents.model import AgentModel
from psy_agents.agents.saved.agent import InferenceSettings
from psy_agents.agents.windows import Windows
from psy_agents.training.scoring import Answers, answer, answers_of
from psy_agents.training.step.buckets import round_up
from psy_agents.training.step.forward import CapturedForward, Forward
from psy_agents.training.step.graphs import Graphs
from psy_agents.training.step.memory import is_out_of_memory
from psy_agents.training.step.tables import WindowTables

log = logging.getLogger(__name__)

# A capture takes as long as several batches (it runs the agent's Python once more, and empties torch's cache), and each replay saves a
# part of one. Waiting for as many batches of a shape as a capture costs never costs more than twice the best choice. Few posts are
# never captured: they have no shape so often.
RUNS_BEFORE_CAPTURE = 8
LEAST_ROOM = 2**14, 2**20
"""Windows and tokens of the first tables (8 MiB). More need new tables of twice the size, and new graphs."""


class Answerer:
    """An agent's raw answers to windows, in any thread. If memory runs out, batches are halved, for all later calls too.

    With graphs, batches are filled to a few shapes from the first one on: what a post is answered does not depend on earlier calls.

    Args:
        agent: on ``device``.
        pad_id: the tokenizer's padding.
        graphs: None: nothing is filled or captured.
    """

    def __init__(self, agent: AgentModel, pad_id: int, device: torch.device, settings: InferenceSettings, graphs: Graphs | None) -> None:
        self._agent, self._pad_id, self._device, self._graphs = agent, pad_id, device, graphs
        self._budget, self._precision = settings.evaluation_tokens, getattr(torch, settings.precision)
        self._start()

    def _start(self) -> None:
        self._captured: tuple[WindowTables, CapturedForward] | None = None
        # MLflow's server predicts in several threads. A graph reads one batch from one place, and packed attention is set in the encoder.
        self._one_at_a_time = Lock()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy, which another process may get, has of this one: no graphs."""
        return {name: value for name, value in vars(self).items() if name not in ("_captured", "_one_at_a_time")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start()

    def __call__(self, windows: Windows) -> Answers:
        """Answers to the windows' pairs.

        Raises:
            RuntimeError: memory ran out for the longest window alone.
        """
        with self._one_at_a_time:
            while True:
                try:
                    return self._answer(windows)
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error) or self._budget <= int(windows.lengths.max()):
                        raise
                # Out of the except block, which holds the failed batch.
                self._captured = None
                self._budget //= 2
                log.warning("memory ran out: the agent reads batches of %d tokens from now on", self._budget)

    def _answer(self, windows: Windows) -> Answers:
        if self._graphs is None:
            tables = WindowTables(windows, self._pad_id, self._device)
            return answer(self._agent, tables, budget=self._budget, precision=self._precision)
        return answers_of(self._agent, windows, self._captured_forward(windows))

    def _captured_forward(self, windows: Windows) -> CapturedForward:
        """The captured passes, whose tables hold these windows."""
        if self._captured is not None:
            tables, forward = self._captured
            if tables.has_room(windows):
                tables.replace(windows)
                return forward
        sizes = zip(LEAST_ROOM, (len(windows.pair), len(windows.ids)), strict=True)
        tables = WindowTables(windows, self._pad_id, self._device, tuple(max(least, round_up(size, 1)) for least, size in sizes))
        forward = CapturedForward(
            Forward(self._agent, tables, self._budget, self._precision), self._graphs, self._agent.config.max_length, RUNS_BEFORE_CAPTURE
        )
        self._captured = tables, forward
        return forward
