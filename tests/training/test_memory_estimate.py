"""What a step needs of memory is estimated from below, and gradient checkpointing changes memory alone."""

import pytest
import torch
from support.tiny_agents import SETTINGS, any_windows, parameters

from psy_agents.training.memory_estimate import NotEnoughMemory, activation_bytes, check_memory, optimiser_bytes, step_bytes
from psy_agents.training.step.memory import is_out_of_memory
from psy_agents.training.trainer import TrainingData, TrainingRun


def run_of(encoder, corpus, settings=SETTINGS, **options):
    config = parameters(encoder, encoder_dropout=0.0, head_dropout=0.0, **options)
    return TrainingRun("share", config, settings, TrainingData(corpus, "share", settings), seed=1, epochs=1, patience=1, device="cpu")


def kept_bytes(run):
    """Bytes that a forward pass of the encoder keeps for the backward pass, each tensor once, and the real tokens."""
    kept, weights = {}, {weight.data_ptr() for weight in run.agent.parameters()}
    given = any_windows()

    def keep(tensor):
        if tensor.data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes(), tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        states = run.agent.train().encode(run.agent.encoder, given)
    assert states.requires_grad
    return sum(size for size, _ in kept.values()), int(given.mask_BT.sum())


@pytest.mark.parametrize(("kind", "options"), [("llama", {"lora_rank": 4}), ("llama", {}), ("bert", {})])
def test_the_estimate_is_below_what_a_step_keeps_and_not_far(encoders, corpus, kind, options):
    run = run_of(encoders[kind], corpus, **options)
    kept, tokens = kept_bytes(run)
    estimated = activation_bytes(run.agent.encoder, tokens, torch.float32)
    assert 0.3 * kept < estimated <= kept


def test_adapters_need_little_beside_activations(encoders, corpus):
    whole, adapted = (run_of(encoders["llama"], corpus, **options) for options in ({}, {"lora_rank": 1}))
    trained = sum(weight.numel() for weight in adapted.agent.parameters() if weight.requires_grad)
    assert optimiser_bytes(adapted.agent) == 12 * trained < optimiser_bytes(whole.agent)
    assert step_bytes(adapted.agent, 10, torch.bfloat16) - step_bytes(adapted.agent, 0, torch.bfloat16) == activation_bytes(
        adapted.agent.encoder, 10, torch.bfloat16
    )


def test_a_batch_that_cannot_fit_counts_as_out_of_memory():
    check_memory(10, 10, 4)
    with pytest.raises(NotEnoughMemory, match="a step of 4 pairs needs at least 11 bytes, and the GPU has 10 bytes left") as refused:
        check_memory(11, 10, 4)
    assert is_out_of_memory(refused.value)


@pytest.mark.parametrize("packing", [True, False])
def test_checkpointing_keeps_less_and_learns_the_same(encoders, corpus, packing):
    losses, kept = {}, {}
    for checkpointing in (False, True):
        settings = SETTINGS.model_copy(update={"gradient_checkpointing": checkpointing, "packing": packing})
        run = run_of(encoders["llama"], corpus, settings, lora_rank=2, lora_dropout=0.0)
        assert run.agent.packed == packing
        kept[checkpointing] = kept_bytes(run)[0]
        (epoch,) = run.epochs()
        losses[checkpointing] = epoch.losses
    assert losses[True] == pytest.approx(losses[False], rel=1e-5)
    assert kept[True] < 0.5 * kept[False]
