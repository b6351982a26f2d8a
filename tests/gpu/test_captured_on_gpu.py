"""Captured steps against the same steps without graphs: every agent and encoder family, two shapes, accumulation, evaluation."""

import logging

import numpy as np
import pytest
import torch
from support import tiny_agents
from support.training import tiny_decoders
from support.training.captured_runs import NO_DROPOUT, STEPS, new_run, train, weights_of

from psy_agents.agents.encoders.fixed_row import FixedRow
from psy_agents.agents.registry import AGENTS
from psy_agents.training.scoring import answers_of
from psy_agents.training.step.forward import Forward

TOLERANCE = {"float32": 1e-3, "bfloat16": 0.05}
LORA = {"lora_rank": 4, "lora_alpha": 8.0, "lora_targets": "linear", "pooling": "last"}
FAMILIES = [(kind, {}) for kind in tiny_agents.ENCODERS] + [(kind, LORA) for kind in tiny_decoders.DECODERS]
BOTH_PRECISIONS = [("cuda", agent, precision) for agent in AGENTS for precision in TOLERANCE]
BOTH_PRECISIONS += [*(("stand-in", agent, "float32") for agent in AGENTS), ("stand-in", "share", "bfloat16")]
OWN_WAYS = ("deberta-v2", "modernbert")  # Positions from a table, and sliding windows: every agent captures them, as it does BERT.
ON_CUDA = [("cuda", agent, *family) for agent in AGENTS for family in FAMILIES if agent == "share" or family[0] in OWN_WAYS]


def captured_and_plain(*given, steps=STEPS, **changes):
    """Both runs after so many steps, and the losses of each; every shape of the first was captured."""
    runs = [new_run(*given[:3], graphs, *given[3:], **NO_DROPOUT | changes) for graphs in ("auto", "off")]
    losses = [train(run, steps) for run in runs]
    step = runs[0].training_step
    assert not runs[0].graphs.failed and step._update._replay is not None
    # A packed row of the same windows may have two sizes.
    assert 2 <= len(step._parts) <= 4 and all(repeated._replay is not None for _, repeated in step._parts.values())
    assert np.ptp(losses[1]) > 0
    return runs, losses


@pytest.mark.parametrize(("device", "agent", "precision"), BOTH_PRECISIONS, indirect=["device"])
def test_30_captured_steps_over_two_shapes_train_as_uncaptured_ones_do(encoders, corpus, device, agent, precision):
    runs, losses = captured_and_plain(corpus, encoders["bert"], agent, device, precision, max_grad_norm=0.5)
    assert runs[0].agent.packed == (precision == "bfloat16")
    np.testing.assert_allclose(*losses, rtol=TOLERANCE[precision])
    weights = [weights_of(run) for run in runs]
    torch.testing.assert_close(*weights, rtol=0, atol=TOLERANCE[precision])
    assert {float(state["step"]) for state in runs[0].optimiser.state.values()} == {float(STEPS)}
    assert all(not p.grad.any() for p in runs[0].agent.parameters() if p.requires_grad)
    assert (weights[1] - weights_of(new_run(corpus, encoders["bert"], agent, "off", device))).abs().max() > 0.02


@pytest.mark.parametrize(
    ("device", "agent", "kind", "changes"), [*ON_CUDA, *(("stand-in", "share", *family) for family in FAMILIES)], indirect=["device"]
)
def test_each_family_is_captured(encoders, corpus, device, agent, kind, changes):
    runs, losses = captured_and_plain(corpus, encoders[kind], agent, device, steps=8, **changes)
    assert runs[0].agent.packed == (kind != "deberta-v2")
    np.testing.assert_allclose(*losses, rtol=TOLERANCE["bfloat16"])


@pytest.mark.parametrize(
    ("agent", "changes"), [("joint", {"frozen_layers": 1}), ("criteria", {"pooling": "cls", "similarity": "none"})]
)
def test_frozen_states_and_a_short_last_layer_are_captured(encoders, corpus, device, agent, changes, monkeypatch):
    monkeypatch.setattr(FixedRow, "lengths", property(lambda _: pytest.fail("a captured step reads lengths from the device")))
    runs, losses = captured_and_plain(corpus, encoders["bert"], agent, device, steps=12, **changes)
    assert (runs[0].train_frozen is not None) == ("frozen_layers" in changes)
    assert bool(runs[0].agent.short_last_layers) == ("pooling" in changes)
    np.testing.assert_allclose(*losses, rtol=TOLERANCE["bfloat16"])


def test_captured_dropout_draws_the_numbers_of_the_same_steps_uncaptured(encoders, corpus, device):
    """Graphs that have failed run the same function each time."""
    found = []
    for fails in (False, True):
        run = new_run(corpus, encoders["bert"], "share", "auto", device, encoder_dropout=0.3, head_dropout=0.3)
        run.graphs.failed = fails
        torch.manual_seed(1)
        found.append(train(run, 8))
    np.testing.assert_allclose(*found, rtol=1e-3)


@pytest.mark.parametrize(("device", "agent", "precision"), BOTH_PRECISIONS, indirect=["device"])
def test_captured_evaluation_answers_as_uncaptured_evaluation_does(encoders, corpus, device, agent, precision):
    run = new_run(corpus, encoders["bert"], agent, "auto", device, precision)
    plain = answers_of(run.agent, run.validation_windows, Forward(run.agent, run.validation_tables, 8192, run.precision))
    tolerance = TOLERANCE[precision] / 5
    for _ in range(3):
        found = answers_of(run.agent, run.validation_windows, run.forward)
        if plain.probabilities_P is not None:
            np.testing.assert_allclose(found.probabilities_P, plain.probabilities_P, atol=tolerance)
        if plain.candidates is not None and precision == "float32":  # Near candidates change places in bfloat16.
            ours, theirs = (by_place(answers.candidates) for answers in (found, plain))
            assert ours.keys() == theirs.keys()
            np.testing.assert_allclose(list(ours.values()), [theirs[place] for place in ours], atol=10 * tolerance)
    assert not run.graphs.failed and any(repeated._replay is not None for _, repeated in run.forward._parts.values())


def by_place(candidates):
    """Margins of candidates, by where they are; batches may have another order."""
    places = zip(candidates.pair, candidates.start, candidates.end, candidates.tokens, candidates.sentence, strict=True)
    return dict(zip(((*map(int, place),) for place in places), candidates.margin, strict=True))


def test_steps_run_on_after_a_capture_that_fails(encoders, corpus, device, caplog):
    run, plain = (new_run(corpus, encoders["bert"], "criteria", graphs, device, **NO_DROPOUT) for graphs in ("auto", "off"))
    add = run.training_step._step.add_gradients

    def reads_a_value(*args):
        loss = add(*args)
        loss.item()
        return loss

    run.training_step._step.add_gradients = reads_a_value
    with caplog.at_level(logging.WARNING):
        losses = train(run, 6)
    assert run.graphs.failed
    (message,) = caplog.messages
    assert message.startswith("steps run without CUDA graphs (training.cuda_graphs): a capture failed, ")
    np.testing.assert_allclose(losses, train(plain, 6), rtol=TOLERANCE["bfloat16"])
