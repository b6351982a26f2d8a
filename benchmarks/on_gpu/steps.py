"""`gpu.py steps`: what a training step takes, ours beside the Trainer's."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from on_gpu.encoders import DECODER, ENCODERS, make_corpus, mixed_lengths
from on_gpu.trainer import TrainerSteps, installed, left, now
from trials.roofline import matrix_peak, training_flops

from psy_agents.corpus.corpus import Corpus
from psy_agents.training.config import TrainingSettings
from psy_agents.training.trainer import TrainingData, TrainingRun

AGENTS = ("share", "criteria", "evidence", "joint")
ROUNDS, STEPS = 3, 12  # Different steps of a shape.
CRITERIA = 2
UNCAPTURED, NOT_DETERMINISTIC = ", uncaptured", ", not deterministic"
VARIANTS: dict[str, dict[str, Any]] = {UNCAPTURED: {"cuda_graphs": "off"}, NOT_DETERMINISTIC: {"determinism": "off"}}
"""Settings of the ways to run a shape's first agent on a GPU, by how a line names them; the second one at each encoder's first shape."""
FIXED = {"encoder_dropout": 0.1, "head_dropout": 0.1, "pooling": "mean", "max_length": 512, "negative_ratio": 100.0}


@dataclass(frozen=True)
class Shape:
    """Windows of a step and tokens of each; ``mixed``: lengths up to so many tokens."""

    windows: int
    tokens: int
    mixed: bool = False

    def corpus(self, steps: int) -> Corpus:
        """Pairs for so many steps."""
        posts = steps * self.windows // CRITERIA
        return make_corpus(mixed_lengths(posts, self.tokens) if self.mixed else [self.tokens] * posts, [self.tokens] * 2, CRITERIA)

    def __str__(self) -> str:
        return f"{self.windows} x {'up to ' if self.mixed else ''}{self.tokens}"


SHAPES = (Shape(16, 84), Shape(16, 300), Shape(64, 300))
MIXED = Shape(16, 510, mixed=True)
LORA_SHAPES = (Shape(16, 300), Shape(8, 1024))
LORA = {"lora_rank": 16, "lora_alpha": 32.0, "lora_dropout": 0.05, "lora_targets": "linear"}
"""Of the decoder, which runs with adapters, on both sides."""
TINY_SHAPES = (Shape(4, 30), Shape(4, 60))


class OurSteps:
    """Full training steps of one agent, as a trial of a search runs them."""

    def __init__(self, agent: str, encoder: Path, corpus: Corpus, batch: int, device: str, **settings: Any) -> None:
        self.device = device
        fixed = FIXED | {"encoder": str(encoder), "batch_size": batch}
        if encoder.name == DECODER:
            fixed |= LORA | {"pooling": "last", "max_length": 1024}
        made = TrainingSettings(precision="bfloat16" if device == "cuda" else "float32", fixed=fixed, **settings)
        data, config = TrainingData(corpus, agent, made), made.hyperparameters({})
        self.run = TrainingRun(agent, config, made, data, seed=0, epochs=1, patience=1, keep_weights=False, device=device)
        every = self.run._steps(self.run._batches(self.run._epoch_pairs(1)))
        self.steps = [step for step in every if len(step[0]) == batch]
        self.tokens = float(np.mean([self.lengths(step).sum() for step in self.steps]))
        self.run.agent.train()
        with self.run.as_in_an_epoch():
            for step in 3 * self.steps:  # Each shape is prepared, that is, on a GPU captured.
                self.run.training_step(step)

    def lengths(self, step: list[np.ndarray]) -> np.ndarray:
        """Tokens of each window of a step."""
        tables = self.run.train_tables
        return np.concatenate([tables.lengths[tables.windows_of(pairs)] for pairs in step])

    def seconds_per_step(self, steps: int) -> float:
        """Seconds of a step, its batch included."""
        begin = now(self.device)
        with self.run.as_in_an_epoch():
            for number in range(steps):
                self.run.training_step(self.steps[number % len(self.steps)])
        return (now(self.device) - begin) / steps

    def flops(self) -> float:
        """Floating-point operations of a step's real tokens, in the mean of the steps, all encoders together."""
        configs = [encoder.config for encoder in self.run.agent.encoders]
        return float(np.mean([sum(_flops(config, self.lengths(step)) for config in configs) for step in self.steps]))

    def kernels(self) -> tuple[int | None, float | None]:
        """Kernels of a step, and the milliseconds in which the GPU is busy with them; None on a CPU."""
        if self.device == "cpu":
            return None, None
        from torch.profiler import ProfilerActivity, profile

        with self.run.as_in_an_epoch(), profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
            self.run.training_step(self.steps[0])
            torch.cuda.synchronize()
        found = [event for event in profiler.events() if event.device_type == torch.autograd.DeviceType.CUDA]
        kernels = [event for event in found if not event.name.startswith(("Memcpy", "Memset"))]
        return len(kernels), sum(event.time_range.elapsed_us() for event in kernels) / 1e3


def lora_flops(config: Any, lengths: np.ndarray) -> float:
    """Operations to train adapters of a decoder: those of its frozen weights are 4 a weight and token, as no gradient of a weight is made.

    Attention has three times its forward pass, of which a causal one needs half; adapters count as nothing.
    """
    hidden, heads = config.hidden_size, config.num_attention_heads
    keys = config.num_key_value_heads * config.head_dim
    weights = hidden * (2 * heads * config.head_dim + 2 * keys + 3 * config.intermediate_size)
    products = 4 * heads * config.head_dim * float((lengths.astype(float) ** 2).sum())
    causal = getattr(config, "is_causal", True)
    return config.num_hidden_layers * (4 * weights * float(lengths.sum()) + 3 * products * (0.5 if causal else 1.0))


def _flops(config: Any, lengths: np.ndarray) -> float:
    """`training_flops`, with what an encoder family has more or less of than BERT."""
    if config.model_type == "llama":
        return lora_flops(config, lengths)
    flops, tokens, layers, hidden = training_flops(config, lengths), float(lengths.sum()), config.num_hidden_layers, config.hidden_size
    if config.model_type == "modernbert":  # Its feed-forward layer has a gate; two layers of three see a window only.
        flops += 3 * layers * 2 * hidden * config.intermediate_size * tokens
        local = layers - len(range(0, layers, 3))
        seen = np.minimum(lengths, config.local_attention)
        flops -= 3 * local * 4 * hidden * float((lengths.astype(float) * (lengths - seen)).sum())
    return flops


def steps(options: Any, folder: Callable[[str], Path], ends: float) -> Iterator[dict[str, Any]]:
    """A line for each encoder, shape, agent and way, the most telling first.

    Args:
        folder: makes an encoder.
        ends: when the time is up, by the monotonic clock; no measurement begins shortly before.
    """
    device = options.device
    shapes, seconds = (TINY_SHAPES, 0.05) if options.tiny else (SHAPES, 0.6)
    named = options.encoders or (("bert",) if options.tiny else (*ENCODERS, DECODER))
    names = [name for name in named if name != DECODER]
    plan: list[tuple[str, Shape, tuple[str, ...], tuple[str, ...]]] = []
    if names:
        # The first encoder at all shapes and the others at the first shape come first.
        first, others = names[0], names[1:]
        order = [(first, shapes[1]), *((name, shapes[0]) for name in others), *((first, shape) for shape in shapes[2:])]
        order += [(name, shape) for shape in shapes[1:] for name in others]
        plan = [(first, shapes[0], AGENTS, ("dynamic",)), *((name, shape, AGENTS[:1], ("dynamic",)) for name, shape in order)]
        if not options.tiny:
            plan.insert(5, (first, MIXED, ("criteria",), ("dynamic", "grouped", "max_length")))
    if DECODER in named:
        plan += [(DECODER, shape, ("criteria",), ("dynamic",)) for shape in (shapes[:1] if options.tiny else LORA_SHAPES)]
    peaks: dict[str, float] = {}
    for name, shape, agents, ways in plan:
        if left(ends) < 20 * (not options.tiny):
            yield {"encoder": name, "shape": str(shape), "left_out": "no time is left"}
            continue
        corpus, encoder = shape.corpus(4 if options.tiny else STEPS), folder(name)
        arms: dict[tuple[str, str], Any] = {}
        memory: dict[tuple[str, str], float | None] = {}
        if not installed():
            ways = ()
        ours = {agent: (agent, {}) for agent in agents}
        if device == "cuda":
            variants = VARIANTS if shape == shapes[0] else {UNCAPTURED: VARIANTS[UNCAPTURED]}
            ours |= {agents[0] + name: (agents[0], settings) for name, settings in variants.items()}
        for who, way in [*(("ours", way) for way in ours), *(("trainer", way) for way in ways)]:
            before = _reset_memory(device)
            if who == "ours":
                made = OurSteps(ours[way][0], encoder, corpus, shape.windows, device, **ours[way][1])
            else:
                made = TrainerSteps(encoder, corpus, way, shape.windows, device)
            made.seconds_per_step(3)
            arms[who, way], memory[who, way] = made, _peak_memory(device, before)
        counts = {key: max(2, min(100, round(seconds / arm.seconds_per_step(2)))) for key, arm in arms.items()}
        taken: dict[tuple[str, str], list[float]] = {key: [] for key in arms}
        for _ in range(1 if options.tiny else ROUNDS):
            for key, arm in arms.items():
                taken[key].append(1e3 * arm.seconds_per_step(counts[key]))
        if name not in peaks:
            first = arms["ours", agents[0]].run
            peaks[name] = matrix_peak(first.agent.encoders[0].config, first.precision, device)
        for (who, way), found in taken.items():
            arm, milliseconds = arms[who, way], statistics.median(found)
            kernels, busy = arm.kernels() if who == "ours" else (None, None)
            share = arm.flops() / (milliseconds / 1e3) / peaks[name] if who == "ours" else None
            yield {
                "encoder": name, "shape": str(shape), "who": who, "way": way, "ms": round(milliseconds, 3),
                "ms_range": [round(min(found), 3), round(max(found), 3)],
                "tokens_per_second": round(1e3 * arm.tokens / milliseconds), "share_of_peak": None if share is None else round(share, 4),
                "peak_tflops": round(peaks[name] / 1e12, 3), "kernels": kernels, "busy_ms": None if busy is None else round(busy, 3),
                "memory_gib": memory[who, way],
            }  # fmt: skip
        if not installed():
            yield {"encoder": name, "shape": str(shape), "who": "trainer", "left_out": "accelerate is not installed"}
        del arms


def _reset_memory(device: str) -> float:
    if device != "cuda":
        return 0.0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def _peak_memory(device: str, before: float) -> float | None:
    """GiB that were allocated at a time beyond ``before``; None on a CPU."""
    return round((torch.cuda.max_memory_allocated() - before) / 2**30, 2) if device == "cuda" else None
