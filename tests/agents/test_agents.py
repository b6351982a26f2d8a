"""Every agent on every family of encoders: one epoch of training, saving and loading."""

import math
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.tiny_agents import ENCODERS, POSITIONS, SETTINGS, parameters
from support.training.tiny_decoders import DECODERS
from transformers.utils import logging as transformers_logging

from psy_agents.agents.encoders.loading import load_encoder, max_positions
from psy_agents.agents.registry import AGENTS
from psy_agents.agents.saved.agent import load_agent
from psy_agents.errors import UserError
from psy_agents.training.scoring import answer
from psy_agents.training.trainer import TrainingData, TrainingRun


@pytest.mark.parametrize("kind", [*ENCODERS, *DECODERS])
def test_longest_input_is_what_the_encoder_can_read(encoders, kind):
    encoder = load_encoder(Path(encoders[kind]), 0.0).eval()
    assert max_positions(encoder) == POSITIONS
    ids = torch.full((1, POSITIONS), 5)
    states = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    assert states.shape == (1, POSITIONS, 16)
    assert torch.isfinite(states).all()


def test_an_encoder_that_lacks_weights_is_refused_and_a_missing_pooler_is_not_reported(encoders, tmp_path, caplog, capfd):
    folder = tmp_path / "encoder"
    shutil.copytree(encoders["bert"], folder)
    weights = load_file(folder / "model.safetensors")
    without_pooler = {name: tensor for name, tensor in weights.items() if "pooler" not in name}
    save_file(without_pooler, folder / "model.safetensors", metadata={"format": "pt"})
    assert transformers_logging.is_progress_bar_enabled(), "else nothing is shown below"
    load_encoder(folder, 0.0)
    assert "MISSING" not in caplog.text
    assert capfd.readouterr().err == "", "no bar of loading weights"
    assert transformers_logging.is_progress_bar_enabled()
    first = sorted(without_pooler)[0]
    rest = {name: tensor for name, tensor in without_pooler.items() if name != first}
    save_file(rest, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="lacks 1 of its weights"):
        load_encoder(folder, 0.0)


@pytest.mark.parametrize(
    ("agent", "kind"), [*product(AGENTS, ENCODERS), *zip(AGENTS, DECODERS, strict=True), ("criteria", "gemma3_text")]
)
def test_trains_saves_and_loads(encoders, corpus, tmp_path, agent, kind):
    run = TrainingRun(
        agent, parameters(encoders[kind]), SETTINGS, TrainingData(corpus, agent, SETTINGS), seed=1, epochs=1, patience=1, device="cpu"
    )
    assert (run.train_windows.types is not None) == (kind in ("bert", "electra", "deberta-v2"))
    assert len(run.train_windows.pair) > run.train_windows.n_pairs
    before = {name: value.clone() for name, value in run.agent.named_parameters()}
    (epoch,) = run.epochs()
    assert len(epoch.losses) == run.steps_per_epoch > 1
    assert all(math.isfinite(loss) for loss in epoch.losses)
    assert all(math.isfinite(value) for name, value in epoch.metrics.items() if name != "no_answer_threshold")
    for name, value in run.agent.named_parameters():
        assert value.grad is not None, f"{name} has no part in the loss"
        assert not torch.equal(value, before[name]), f"{name} did not learn"

    run.save(tmp_path / "agent")
    loaded, tokenizer, decisions, description = load_agent(tmp_path / "agent")
    assert description["agent"] == agent
    assert decisions == epoch.decisions
    assert not loaded.training
    loaded.enable_packing(run.device, torch.float32)
    post, criterion = run.data.validation.texts[0], run.data.validation.criterion_texts[0]
    assert tokenizer(criterion, post)["input_ids"] == run.tokenizer(criterion, post)["input_ids"]
    options = {"budget": 2048, "precision": torch.float32}
    ours, theirs = (answer(model, run.validation_tables, **options) for model in (run.agent, loaded))
    if ours.probabilities_P is None:
        assert theirs.probabilities_P is None
    else:
        np.testing.assert_array_equal(ours.probabilities_P, theirs.probabilities_P)
    if ours.candidates is None:
        assert theirs.candidates is None
    else:
        for name in ("pair", "start", "end", "margin", "tokens"):
            np.testing.assert_array_equal(getattr(ours.candidates, name), getattr(theirs.candidates, name))


def test_padding_does_not_change_an_answer(encoders, corpus):
    for kind in (*ENCODERS, "llama"):
        data = TrainingData(corpus, "joint", SETTINGS)
        run = TrainingRun("joint", parameters(encoders[kind]), SETTINGS, data, seed=1, epochs=1, patience=1, device="cpu")
        together, alone = (answer(run.agent, run.validation_tables, budget=b, precision=torch.float32) for b in (100_000, 1))
        np.testing.assert_allclose(together.probabilities_P, alone.probabilities_P, atol=1e-5)
