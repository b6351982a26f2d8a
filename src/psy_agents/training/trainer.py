"""One training run of an agent with given hyper-parameters and seed. It yields epochs and keeps the best epoch's weights."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from psy_agents.agents.encoders.loading import locate_encoder, max_positions
from psy_agents.agents.losses import positive_weight
from psy_agents.agents.model import AgentModel
from psy_agents.agents.registry import new_agent
from psy_agents.agents.saved.agent import Decisions, InferenceSettings, save_agent
from psy_agents.agents.saved.description import SavedTraining
from psy_agents.agents.windows import Windows
from psy_agents.training.batches import bucketed_batches, epoch_pairs
from psy_agents.training.best_epoch import BestEpoch
from psy_agents.training.config import HyperParameters, TrainingSettings
from psy_agents.training.determinism import deterministic
from psy_agents.training.memory_estimate import check_memory, step_bytes
from psy_agents.training.optimisation import LearningRates, optimiser, schedule_factor
from psy_agents.training.precision import resolve_precision
from psy_agents.training.scoring import Answers, SplitScorer, answers_of
from psy_agents.training.step.batch_times import BatchTimes
from psy_agents.training.step.captured_step import CapturedStep
from psy_agents.training.step.checkpointing import enable_checkpointing, has_dropout
from psy_agents.training.step.forward import CapturedForward, Forward
from psy_agents.training.step.graphs import CudaGraphs, Graphs, why_agent_not_captured
from psy_agents.training.step.tables import FrozenStates, WindowTables
from psy_agents.training.step.training_step import TrainingStep
from psy_agents.training.training_data import TrainingData

log = logging.getLogger(__name__)

LOSSES_READ_TOGETHER = 16


class NonFiniteLoss(Exception):
    """The loss is infinite or not a number; the message names the step."""


@dataclass(frozen=True)
class Epoch:
    """A finished epoch, counted from 1: mean training loss of each optimiser step, objective and metrics."""

    number: int
    losses: tuple[float, ...]
    value: float
    metrics: dict[str, float]
    decisions: Decisions


@dataclass(frozen=True)
class KeptEpoch:
    """What an epoch left behind: its answers to the scored pairs, and its weights where they are kept."""

    epoch: Epoch
    answers: Answers
    weights: dict[str, torch.Tensor] | None


class TrainingRun:
    """Trains one agent and keeps the best epoch of its smoothed curve, with its weights and answers (``best``).

    Args:
        agent: the agent's name.
        seed: seed of new weights, drawn pairs, batches and dropout.
        epochs, patience: maximum epochs; epochs without improvement after which training stops.
        micro_batch_divisor: number of parts into which each micro-batch is cut; the pairs of an optimiser step stay the same.
        keep_weights: keep the best epoch's weights, which `save` needs.
    """

    def __init__(
        self,
        agent: str,
        config: HyperParameters,
        settings: TrainingSettings,
        data: TrainingData,
        *,
        seed: int,
        epochs: int,
        patience: int,
        micro_batch_divisor: int = 1,
        keep_weights: bool = True,
        device: str | None = None,
    ) -> None:
        self.name, self.config, self.settings, self.data = agent, config, settings, data
        self.n_epochs, self.patience = epochs, patience
        self.micro_batch_divisor = micro_batch_divisor
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.precision = resolve_precision(settings.precision, self.device)

        self.seed = seed
        torch.manual_seed(seed)
        self.generator = np.random.default_rng(seed)
        folder = locate_encoder(config.encoder)
        self.agent = new_agent(agent, config, folder, self.precision).to(self.device)
        if settings.packing:
            self.agent.enable_packing(self.device, self.precision)
        if settings.gradient_checkpointing:
            for encoder in self.agent.encoders:
                enable_checkpointing(encoder)
        elif settings.short_last_layer:
            self.agent.enable_short_last_layer(self.device, self.precision)
        self.agent.cast_base(self.precision)
        self.graphs = new_graphs(self.agent, self.device, settings)
        self.tokenizer = data.tokenizer(folder)
        self.train_tables, self.validation_tables, lengths = data.tables(
            folder, config, max_positions(self.agent.encoders[0]), self.device
        )
        train_tokens = int(self.train_tables.lengths[self.train_tables.windows_of(self._epoch_pairs(1))].sum())
        self.train_frozen = self._frozen_states(data.train_id, self.train_tables, train_tokens)
        if data.validation is not None:
            self.validation_frozen = self._frozen_states(
                data.validation_id, self.validation_tables, len(self.validation_tables.windows.ids)
            )
            self.scorer = SplitScorer(data.validation, lengths, settings.objective_evidence_weight)
            forward = Forward(
                self.agent, self.validation_tables, settings.evaluation_tokens, self.precision, self.validation_frozen
            )
            longest = int(self.validation_tables.lengths.max())
            self.forward = forward if self.graphs is None else CapturedForward(forward, self.graphs, longest)
            self.times = BatchTimes(self.validation_tables.lengths, self.device)
        self.lengths = np.maximum.reduceat(self.train_tables.lengths, self.train_tables.first_window[:-1])
        self.optimiser = optimiser(self.agent, config, capturable=self.graphs is not None)
        self.learning_rates = LearningRates(self.optimiser, as_tensor=self.graphs is not None)
        weight = positive_weight(torch.from_numpy(data.train.labels[self._epoch_pairs(0)]), config)
        step = TrainingStep(self.agent, self.optimiser, self.train_tables, self.train_frozen, config, weight, self.precision)
        micro_batch = math.ceil(config.batch_size / micro_batch_divisor)
        self.training_step = step if self.graphs is None else CapturedStep(step, micro_batch, self.graphs)
        self._check_memory(micro_batch)
        self.steps_per_epoch = len(self._steps(self._batches(self._epoch_pairs(0))))
        self.step = 0
        self.keep_weights = keep_weights
        self.best = BestEpoch[KeptEpoch]()
        self.answers: Answers | None = None  # To the scored pairs, of the epoch that was yielded last.

    def _check_memory(self, micro_batch: int) -> None:
        """Refuse a micro-batch that cannot fit the GPU, before a step fails in it."""
        if self.device.type != "cuda":
            return
        longest = np.sort(self._tokens_of_pairs())[-micro_batch:]
        needed = step_bytes(self.agent, int(longest.sum()), self.precision, self.settings.gradient_checkpointing)
        check_memory(needed, torch.cuda.mem_get_info(self.device)[0], micro_batch)

    def _tokens_of_pairs(self) -> np.ndarray:
        """Tokens of all windows of each training pair."""
        return np.add.reduceat(self.train_tables.lengths, self.train_tables.first_window[:-1])

    @property
    def train_windows(self) -> Windows:
        """The windows of the training pairs."""
        return self.train_tables.windows

    @property
    def validation_windows(self) -> Windows:
        """The windows of the scored pairs."""
        return self.validation_tables.windows

    def _frozen_states(self, split_id: str, tables: WindowTables, tokens_an_epoch: int) -> FrozenStates | None:
        config = self.config
        encoder = config.encoder, self.agent.causal, config.lora_rank > 0, config.max_length, config.window_overlap
        return self.data.frozen_states.get(
            (split_id, *encoder, self.precision),
            self.agent,
            tables,
            tokens_to_run=tokens_an_epoch * self.n_epochs,
            budget=self.settings.evaluation_tokens,
            precision=self.precision,
        )

    def _epoch_pairs(self, epoch: int) -> np.ndarray:
        # Each epoch has a separate generator: its draw does not depend on earlier draws.
        return epoch_pairs(self.data.train, self.config.negative_ratio, np.random.default_rng([self.seed, epoch]))

    def _batches(self, pairs: np.ndarray) -> list[np.ndarray]:
        return bucketed_batches(pairs, self.lengths, self.config.batch_size, self.generator)

    def _steps(self, batches: list[np.ndarray]) -> list[list[np.ndarray]]:
        """The micro-batches of each optimiser step."""
        size = self.config.gradient_accumulation_steps
        parts = [np.array_split(batch, min(self.micro_batch_divisor, len(batch))) for batch in batches]
        return [list(chain.from_iterable(parts[i : i + size])) for i in range(0, len(parts), size)]

    def epochs(self) -> Iterator[Epoch]:
        """Train and yield each epoch; stops after ``epochs``, or early by ``patience``.

        Raises:
            NonFiniteLoss: training diverged.
        """
        spare: list[dict[str, torch.Tensor]] = []
        for number in range(1, self.n_epochs + 1):
            losses = self._train_epoch(number)
            with self.deterministic():
                self.answers = answers = answers_of(self.agent, self.validation_windows, self.forward, self.times)
            decisions = self.scorer.choose(answers)
            value, metrics = self.scorer.score(answers, decisions)
            metrics["train_loss"] = float(np.mean(losses))
            epoch = Epoch(number, tuple(losses), value, metrics, decisions)
            weights = self._copy_of_weights(spare.pop() if spare else {}) if self.keep_weights else None
            dropped = self.best.add(value, KeptEpoch(epoch, answers, weights))
            spare += [each.weights for each in dropped if each.weights is not None]
            yield epoch
            if number - self.best.number >= self.patience:
                return

    def cost(self) -> dict[str, float]:
        """What the agent costs to use: ``parameters``, ``trained_parameters``, and ``ms_per_post``, milliseconds to predict all of a post.

        The time is that of the scored pairs in the epochs so far, without what a device needs once (`BatchTimes`). Frozen layers, whose
        states are kept, count as they ran when these were computed.
        """
        weights = list(self.agent.parameters())
        seconds = self.times.seconds_per_token
        if self.validation_frozen is not None:
            seconds += len(self.agent.encoders) * self.validation_frozen.seconds_per_token
        pairs = self.data.validation
        tokens_of_post = float(self.validation_tables.lengths.sum()) / len(pairs) * len(pairs.criteria)
        return {
            "parameters": float(sum(weight.numel() for weight in weights)),
            "trained_parameters": float(sum(weight.numel() for weight in weights if weight.requires_grad)),
            "ms_per_post": 1000 * seconds * tokens_of_post,
        }

    def _copy_of_weights(self, copies: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The agent's trained weights in the memory of the CPU; ``copies``, of an earlier epoch, are written over."""
        for name, weight in self.agent.trained_weights().items():
            if name in copies:
                copies[name].copy_(weight)
            else:
                copies[name] = weight.detach().cpu().clone()
        return copies

    def fit(self, epochs: int) -> Iterator[float]:
        """Train for the first ``epochs`` of the schedule without scoring; yield the mean training loss of each.

        Raises:
            NonFiniteLoss: training diverged.
        """
        for number in range(1, epochs + 1):
            yield float(np.mean(self._train_epoch(number)))

    def deterministic(self) -> AbstractContextManager[None]:
        """A context in which operations are as deterministic as the settings ask."""
        return deterministic(self.device, self.settings.determinism)

    @contextmanager
    def as_in_an_epoch(self) -> Iterator[None]:
        """A context in which an epoch's steps run: deterministic, and on the stream of the graphs."""
        with self.deterministic(), nullcontext() if self.graphs is None else self.graphs.on_stream():
            yield

    def _train_epoch(self, epoch: int) -> list[float]:
        self.agent.train()
        with self.as_in_an_epoch():
            return self._train_steps(self._steps(self._batches(self._epoch_pairs(epoch))))

    def _train_steps(self, steps: list[list[np.ndarray]]) -> list[float]:
        losses: list[float] = []
        # Reading a loss waits for the device, so losses of several steps are read together.
        for begin in range(0, len(steps), LOSSES_READ_TOGETHER):
            found = []
            for batches in steps[begin : begin + LOSSES_READ_TOGETHER]:
                self.learning_rates.scale(schedule_factor(self.step, self.steps_per_epoch * self.n_epochs, self.config))
                found.append(self.training_step(batches))
                self.step += 1
            losses += torch.stack(found).tolist()
            for number, loss in enumerate(losses[begin:], start=self.step - len(found) + 1):
                if not math.isfinite(loss):
                    raise NonFiniteLoss(f"loss is {loss} in optimiser step {number}")
        return losses

    def save(self, folder: Path, decisions: Decisions | None = None) -> None:
        """Save the current agent with the given decisions; without decisions, the best epoch's agent and decisions."""
        agent = self.agent
        if decisions is None:
            agent, decisions = copy.copy(self.agent), self.best.left.epoch.decisions
            agent.load_state_dict(self.best.left.weights, strict=False)  # What is frozen has not changed.
        save_agent(
            folder,
            agent,
            self.name,
            self.tokenizer,
            decisions,
            self.data.train.criteria,
            self.config.model_dump(),
            InferenceSettings(self.settings.unit, str(self.precision).removeprefix("torch."), self.settings.evaluation_tokens),
            SavedTraining(corpus=self.data.corpus, posts=self.data.n_posts, date=datetime.now(UTC).date().isoformat()),
        )


def new_graphs(agent: AgentModel, device: torch.device, settings: TrainingSettings) -> Graphs | None:
    """Graphs for a run's steps and evaluation; None where nothing is captured."""
    if device.type != "cuda" or settings.cuda_graphs == "off":
        return None
    if settings.gradient_checkpointing and any(map(has_dropout, agent.encoders)):
        reason: str | None = "gradient checkpointing keeps the states of random generators for its dropout"
    else:
        reason = why_agent_not_captured(agent)
    if reason is not None:
        log.info("%s runs without CUDA graphs: %s", agent.encoders[0].config.model_type, reason)
        return None
    kind = f"{agent.encoders[0].config.model_type}, {'packed' if agent.packed else 'padded'}"
    return CudaGraphs(device, "steps", "training.cuda_graphs", kind)
