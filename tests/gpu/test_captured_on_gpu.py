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

PACKED = [False, True]
LORA = {"lora_rank": 4, "lora_alpha": 8.0, "lora_dropout": 0.0, "lora_targets": "linear", "pooling": "last"}
FAMILIES = [(kind, {}) for kind in tiny_agents.ENCODERS] + [(kind, LORA) for kind in tiny_decoders.DECODERS]
OWN_WAYS = ("deberta-v2", "modernbert")  # Positions from a table, and sliding windows: every agent captures them, as it does BERT.
ON_CUDA = [("cuda", agent, *family) for agent in AGENTS for family in FAMILIES if agent == "share" or family[0] in OWN_WAYS]


def tolerance(run):
    """Of losses and weights after some steps; the stand-in repeats the very operators."""
    if run.device.type == "cpu":
        return 1e-4
    return 0.05 if run.precision == torch.bfloat16 else 1e-3


def captured_and_plain(*given, steps=STEPS, **changes):
    """Both runs after so many steps, and the losses of each; every shape of the first was captured."""
    runs = [new_run(*given[:3], graphs, *given[3:], **NO_DROPOUT | changes) for graphs in ("auto", "off")]
    losses = [train(run, steps) for run in runs]
    step, graphs = runs[0].training_step, runs[0].graphs
    assert not graphs.failed and step._update._replay is not None
    # Rows of as many windows may be packed into several sizes.
    assert len(step._parts) in ((2, 3, 4) if runs[0].agent.packed else (2,))
    assert all(repeated._replay is not None for _, repeated in step._parts.values())
    if runs[0].device.type == "cpu":
        assert graphs.captured == len(step._parts) + 1, "the shapes and the update"
        assert graphs.replayed == 3 * steps - graphs.captured, "each ran once as it is"
    assert np.ptp(losses[1]) > 0
    np.testing.assert_allclose(*losses, rtol=tolerance(runs[0]))
    return runs, losses


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("agent", AGENTS)
def test_30_captured_steps_over_two_shapes_train_as_uncaptured_ones_do(encoders, corpus, device, agent, packed):
    runs, losses = captured_and_plain(corpus, encoders["bert"], agent, device, packed, max_grad_norm=0.5)
    assert runs[0].agent.packed == packed and np.ptp(losses[1]) > 0.1
    weights = [weights_of(run) for run in runs]
    torch.testing.assert_close(*weights, rtol=0, atol=tolerance(runs[0]))
    assert {float(state["step"]) for state in runs[0].optimiser.state.values()} == {float(STEPS)}
    assert all(not p.grad.any() for p in runs[0].agent.parameters() if p.requires_grad)
    assert (weights[1] - weights_of(new_run(corpus, encoders["bert"], agent, "off", device, packed))).abs().max() > 0.02


@pytest.mark.parametrize(
    ("device", "agent", "kind", "changes"), [*ON_CUDA, *(("stand-in", "share", *family) for family in FAMILIES)], indirect=["device"]
)
def test_each_family_is_captured(encoders, corpus, device, agent, kind, changes):
    runs, _ = captured_and_plain(corpus, encoders[kind], agent, device, True, steps=8, **changes)
    assert runs[0].agent.packed == (kind != "deberta-v2")


@pytest.mark.parametrize(
    ("agent", "packed", "changes"),
    [
        ("joint", True, {"frozen_layers": 1}),
        ("share", False, {"frozen_layers": 1}),
        ("criteria", True, {"pooling": "cls", "similarity": "none"}),
    ],
)
def test_frozen_states_and_a_short_last_layer_are_captured(encoders, corpus, device, agent, packed, changes, monkeypatch):
    monkeypatch.setattr(FixedRow, "lengths", property(lambda _: pytest.fail("a captured step reads lengths from the device")))
    runs, _ = captured_and_plain(corpus, encoders["bert"], agent, device, packed, steps=12, **changes)
    assert (runs[0].train_frozen is not None) == ("frozen_layers" in changes)
    assert bool(runs[0].agent.short_last_layers) == ("pooling" in changes)


def test_captured_dropout_draws_the_numbers_of_the_same_steps_uncaptured(encoders, corpus, device):
    """Graphs that have failed run the same function each time."""
    found = []
    for fails in (False, True):
        run = new_run(corpus, encoders["bert"], "share", "auto", device, True, encoder_dropout=0.3, head_dropout=0.3)
        run.graphs.failed = fails
        torch.manual_seed(1)
        found.append(train(run, 8))
        replays = [repeated._replay for _, repeated in run.training_step._parts.values()]
        assert len(replays) > 1 and all((replay is None) == fails for replay in replays)
    np.testing.assert_allclose(*found, rtol=1e-3 if device == "cuda" else 1e-5)


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("agent", AGENTS)
def test_captured_evaluation_answers_as_uncaptured_evaluation_does(encoders, corpus, device, agent, packed):
    run = new_run(corpus, encoders["bert"], agent, "auto", device, packed)
    plain = answers_of(run.agent, run.validation_windows, Forward(run.agent, run.validation_tables, 512, run.precision))
    nearest = tolerance(run) / 10
    for _ in range(3):
        found = answers_of(run.agent, run.validation_windows, run.forward)
        if plain.probabilities_P is not None:
            np.testing.assert_allclose(found.probabilities_P, plain.probabilities_P, atol=nearest)
        if plain.candidates is not None and run.precision == torch.float32:  # Near candidates change places in bfloat16.
            ours, theirs = (by_place(answers.candidates) for answers in (found, plain))
            assert ours.keys() == theirs.keys()
            np.testing.assert_allclose(list(ours.values()), [theirs[place] for place in ours], atol=10 * nearest)
    assert not run.graphs.failed and any(repeated._replay is not None for _, repeated in run.forward._parts.values())


def by_place(candidates):
    """Margins of candidates, by where they are; batches may have another order."""
    places = zip(candidates.pair, candidates.start, candidates.end, candidates.tokens, candidates.sentence, strict=True)
    return dict(zip(((*map(int, place),) for place in places), candidates.margin, strict=True))


def test_steps_run_on_after_a_capture_that_fails(encoders, corpus, device, caplog):
    run, plain = (new_run(corpus, encoders["bert"], "criteria", graphs, device, False, **NO_DROPOUT) for graphs in ("auto", "off"))
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
    np.testing.assert_allclose(losses, train(plain, 6), rtol=tolerance(run))
