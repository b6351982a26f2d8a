"""Nothing in a step or in evaluation waits for a GPU or copies from the CPU: they run on tensors without values, as if captured."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from support.tiny_agents import parameters

from psy_agents.agents.encoders.capturing import META, _CaptureRules, as_if_capturing
from psy_agents.agents.registry import AGENTS
from psy_agents.training.config import TrainingSettings
from psy_agents.training.step.buckets import Buckets
from psy_agents.training.step.forward import Forward
from psy_agents.training.step.tables import FrozenStates, TrainingTables
from psy_agents.training.step.training_step import TrainingStep
from psy_agents.training.trainer import TrainingData, TrainingRun

OPTIONS = {"span_loss": "marginal", "loss": "focal", "window_pooling": "logsumexp", "pooling": "attention"}


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize(
    ("packing", "changes"),
    [
        (True, {}),
        (False, OPTIONS),
        (True, {"frozen_layers": 1, "window_pooling": "mean"}),
        (True, {"pooling": "cls", "similarity": "none"}),
    ],
)
def test_a_captured_function_neither_waits_for_the_gpu_nor_copies_from_the_cpu(
    encoders, corpus, agent, packing, changes, attention_by_mask, monkeypatch
):
    settings = TrainingSettings(precision="float32", packing=packing)
    config = parameters(encoders["bert"], **{"encoder_dropout": 0.1} | changes)
    run = TrainingRun(agent, config, settings, TrainingData(corpus, agent, settings), seed=5, epochs=2, patience=9, device="cpu")
    assert run.agent.packed == packing
    tables = TrainingTables(run.train_windows, run.data.train, run.tokenizer.pad_token_id, META)
    frozen = None if run.train_frozen is None else FrozenStates(run.train_frozen.depth, run.train_frozen.states_NH.to(META))
    agent_on_meta = run.agent.to(META)
    buckets = Buckets(int(tables.lengths.max()), int(tables.n_sentences.max()), packing)
    values, bucket = tables.index(np.arange(3), 4, buckets)
    index, counts = torch.zeros(len(values), dtype=torch.long, device=META), torch.ones(2, device=META)
    step = TrainingStep(agent_on_meta, run.optimiser, tables, frozen, config, 1.0, torch.float32)
    forward = Forward(agent_on_meta, tables, 512, torch.float32, frozen)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # It knows no tensors without values.
    with as_if_capturing(), _CaptureRules():
        loss = step.add_gradients(tables.fixed_batch(index, bucket, frozen), *counts.unbind())
        output = forward.logits(tables.take_fixed(index, bucket, frozen))
    assert loss.device == META and all(p.grad is not None for p in agent_on_meta.parameters() if p.requires_grad)
    logits = output.criterion_B if output.criterion_B is not None else output.start_BT
    assert logits.device == META and len(logits) == bucket.windows
