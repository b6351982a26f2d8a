"""The training step on CUDA: packed windows, no waiting for the device, and a saved agent that answers as it was trained."""

import numpy as np
import pytest
import torch
from support import tiny_agents
from torch.nn.functional import cosine_similarity

from psy_agents.agents.registry import AGENTS
from psy_agents.inference.predictor import Predictor
from psy_agents.training.config import TrainingSettings
from psy_agents.training.trainer import TrainingData, TrainingRun

pytestmark = pytest.mark.usefixtures("cuda")


def new_run(corpus, encoder, agent, *, epochs=2, settings=None, **changes):
    settings = TrainingSettings(precision="bfloat16", **(settings or {}))
    config = tiny_agents.parameters(encoder, **changes)
    training_data = TrainingData(corpus, agent, settings)
    return TrainingRun(agent, config, settings, training_data, seed=3, epochs=epochs, patience=epochs, device="cuda")


def one_step(run):
    """The first step's loss, and all its gradients in one row; a captured step leaves no gradients."""
    run.agent.train()
    batches = run._steps(run._batches(run._epoch_pairs(1)))[0]
    loss = run.training_step(batches)
    return float(loss), torch.cat([p.grad.flatten() for p in run.agent.parameters() if p.grad is not None])


@pytest.mark.parametrize("frozen_layers", [0, 1])
@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_packed_windows_teach_what_padded_ones_do(encoders, corpus, kind, agent, frozen_layers):
    steps = []
    for packing in (True, False):
        run = new_run(
            corpus, encoders[kind], agent, settings={"packing": packing, "cuda_graphs": "off"},
            encoder_dropout=0.0, head_dropout=0.0, frozen_layers=frozen_layers,
        )  # fmt: skip
        assert run.agent.packed == packing
        steps.append(one_step(run))
    (packed_loss, packed_gradient), (padded_loss, padded_gradient) = steps
    assert packed_loss == pytest.approx(padded_loss, rel=0.02)
    # bfloat16 keeps three digits of each number: the directions agree, not every entry.
    assert float(cosine_similarity(packed_gradient, padded_gradient, dim=0)) > 0.99


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_a_short_last_layer_teaches_what_the_whole_one_does(encoders, corpus, kind):
    steps = []
    for short in (True, False):
        run = new_run(
            corpus, encoders[kind], "criteria", settings={"short_last_layer": short, "cuda_graphs": "off"},
            encoder_dropout=0.0, head_dropout=0.0, pooling="cls", similarity="none",
        )  # fmt: skip
        assert bool(run.agent.short_last_layers) == short
        steps.append(one_step(run))
    (short_loss, short_gradient), (whole_loss, whole_gradient) = steps
    assert short_loss == pytest.approx(whole_loss, rel=0.02)
    assert float(cosine_similarity(short_gradient, whole_gradient, dim=0)) > 0.99


@pytest.mark.parametrize("graphs", ["auto", "off"])
@pytest.mark.parametrize("frozen_layers", [0, 1])
@pytest.mark.parametrize("agent", AGENTS)
def test_a_training_step_never_waits_for_the_gpu(encoders, corpus, agent, frozen_layers, graphs):
    run = new_run(
        corpus, encoders["bert"], agent, settings={"cuda_graphs": graphs}, frozen_layers=frozen_layers, gradient_accumulation_steps=2
    )
    batches = run._steps(run._batches(run._epoch_pairs(1)))[0]
    run.agent.train()
    for _ in range(3):  # Makes what is made once, and captures.
        run.training_step(batches)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        run.training_step(batches)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert graphs == "off" or not run.graphs.failed


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_learns_and_is_saved_as_it_answers(encoders, corpus, agent, tmp_path):
    run = new_run(corpus, encoders["bert"], agent, epochs=12)
    losses = [np.mean(epoch.losses) for epoch in run.epochs()]
    assert losses[-1] < losses[0]
    run.save(tmp_path / "agent")
    found, best = Predictor(tmp_path / "agent", device="cuda").predict_pairs(run.data.validation), run.best.left.answers
    if best.probabilities_P is not None:
        # Evaluation and prediction fill windows to other widths, and bfloat16 keeps three digits.
        np.testing.assert_allclose(found.probabilities, best.probabilities_P, atol=0.01)
    if best.candidates is not None:
        spans = [[span.offsets for span in each] for each in found.spans]
        assert spans == run.scorer.predicted_spans(best, run.best.left.epoch.decisions)


def test_a_gpu_and_a_cpu_agree_on_a_saved_agent(encoders, corpus, tmp_path):
    run = new_run(corpus, encoders["bert"], "share", epochs=4)
    list(run.epochs())
    run.save(tmp_path / "agent")
    on = {device: Predictor(tmp_path / "agent", device=device).predict_pairs(run.data.validation) for device in ("cuda", "cpu")}
    np.testing.assert_allclose(on["cuda"].probabilities, on["cpu"].probabilities, atol=0.02)
