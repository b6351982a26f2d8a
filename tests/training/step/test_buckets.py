"""Micro-batches of fixed shapes: what fills them adds nothing, and the shapes are few."""

import numpy as np
import pytest
import torch
from support.tiny_agents import parameters

from psy_agents.agents.registry import AGENTS
from psy_agents.training.config import TrainingSettings
from psy_agents.training.step.buckets import COARSE, FINE, Buckets, batch_index, round_up
from psy_agents.training.step.training_step import micro_batch_loss
from psy_agents.training.trainer import TrainingData, TrainingRun

MICRO_BATCH = 6
# Each would make a window without an answerable position or a target, or a pair without windows, infinite or not a number.
SHARP = {"span_loss": "marginal", "loss": "focal", "focal_gamma": 0.5, "window_pooling": "logsumexp", "pooling": "attention"}
WAYS = {
    "packed": (True, {}),
    "padded": (False, {}),
    "packed, sharp losses": (True, SHARP),
    "padded, sharp losses": (False, SHARP | {"window_pooling": "mean", "pooling": "max", "similarity": "none"}),
    "packed, frozen states": (True, {"frozen_layers": 1}),
    "padded, frozen states": (False, {"frozen_layers": 1}),
    "packed, short last layer": (True, {"pooling": "cls", "similarity": "none"}),
}


def start(encoders, corpus, agent, packing=True, **changes):
    settings = TrainingSettings(precision="float32", packing=packing)
    config = parameters(encoders["bert"], **{"encoder_dropout": 0.0, "head_dropout": 0.0, "batch_size": MICRO_BATCH} | changes)
    run = TrainingRun(agent, config, settings, TrainingData(corpus, agent, settings), seed=5, epochs=2, patience=9, device="cpu")
    tables = run.train_tables
    return run, Buckets(int(tables.lengths.max()), int(tables.n_sentences.max()), run.agent.packed)


def loss_and_gradients(run, batch):
    run.agent.zero_grad(set_to_none=True)
    loss = micro_batch_loss(run.agent.train(), batch, run.config, 1.5, torch.tensor(9.0), torch.tensor(11.0))
    loss.backward()
    return loss.detach(), {name: p.grad.clone() for name, p in run.agent.named_parameters() if p.grad is not None}


def some_pairs(run):
    """Pairs of one window, pairs of several, and fewer than a micro-batch."""
    counts = np.bincount(run.train_windows.pair)
    several, single = np.flatnonzero(counts > 1), np.flatnonzero(counts == 1)
    unknown = np.flatnonzero(~run.data.train.known)
    return [single[:MICRO_BATCH], several[:MICRO_BATCH], np.concatenate([several[:2], unknown[:1]]), single[:1]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("agent", AGENTS)
def test_a_batch_filled_to_its_bucket_teaches_what_the_batch_alone_does(encoders, corpus, agent, way):
    packing, changes = WAYS[way]
    run, buckets = start(encoders, corpus, agent, packing, **changes)
    assert run.agent.packed == packing and (run.train_frozen is not None) == ("frozen_layers" in changes)
    for pairs in some_pairs(run):
        index, bucket = run.train_tables.index(pairs, MICRO_BATCH, buckets)
        filled = run.train_tables.fixed_batch(torch.from_numpy(index), bucket, run.train_frozen)
        plain = run.train_tables.batch(pairs, run.train_frozen)
        assert filled.windows.ids_BT.shape == (bucket.windows, bucket.width) and len(filled.labels_P) == bucket.pairs >= MICRO_BATCH
        n_real, padding = len(plain.pair_B), run.tokenizer.pad_token_id
        assert (filled.windows.ids_BT[n_real:] == padding).all()
        (loss, gradients), (plain_loss, plain_gradients) = (loss_and_gradients(run, batch) for batch in (filled, plain))
        torch.testing.assert_close(loss, plain_loss, rtol=1e-5, atol=1e-6)
        assert gradients.keys() == plain_gradients.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, plain_gradients[name], rtol=1e-3, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")


def test_dummy_windows_alone_have_no_loss_and_no_gradient(encoders, corpus):
    for agent in AGENTS:
        run, buckets = start(encoders, corpus, agent, **SHARP)
        pairs = some_pairs(run)[0]
        index, bucket = run.train_tables.index(pairs, MICRO_BATCH, buckets)
        empty = batch_index(bucket, *(np.zeros(0, dtype=np.int64),) * 4, (run.train_tables.dummy, len(run.data.train)))
        loss, gradients = loss_and_gradients(run, run.train_tables.fixed_batch(torch.from_numpy(empty), bucket))
        assert len(empty) == len(index) and loss == 0
        assert not any(gradient.any() for gradient in gradients.values())


def test_a_dummy_window_without_a_token_would_not_be_a_number(encoders, corpus):
    """What the other tests rule out does happen: weight 0 does not save a loss that is not a number."""
    run, buckets = start(encoders, corpus, "share", packing=False, **SHARP)
    index, bucket = run.train_tables.index(some_pairs(run)[2], MICRO_BATCH, buckets)
    batch = run.train_tables.fixed_batch(torch.from_numpy(index), bucket)
    assert torch.isfinite(loss_and_gradients(run, batch)[0])
    batch.windows.answerable_BT[-1, 0] = False
    assert not torch.isfinite(loss_and_gradients(run, batch)[0])


@pytest.mark.parametrize("steps", [1, COARSE, FINE])
def test_sizes_are_rounded_up_by_a_bounded_share_to_few(steps):
    sizes = np.arange(1, 2000)
    rounded = np.array([round_up(int(size), steps) for size in sizes])
    assert (rounded >= sizes).all() and (np.diff(rounded) >= 0).all()
    assert (rounded[sizes >= steps] < sizes[sizes >= steps] * (1 + 1 / steps)).all()
    assert len(np.unique(rounded)) <= steps * 11 + 2
    assert [round_up(int(size), steps) for size in np.unique(rounded)] == np.unique(rounded).tolist()


@pytest.mark.parametrize("packed", [True, False])
def test_an_epoch_needs_few_buckets_and_little_filling(packed):
    rng = np.random.default_rng(0)
    buckets, seen, real, filled = Buckets(512, 40, packed), set(), 0, 0
    for _ in range(2000):
        # As batches are: 16 pairs of similar length, some of them of several windows.
        typical = rng.integers(30, 500)
        lengths = np.clip(rng.normal(typical, 8, 16 + (rng.integers(0, 17) if typical > 450 else 0)).astype(int), 8, 512)
        bucket = buckets.of_pairs(lengths, 16, 16)
        seen.add(bucket)
        real, filled = real + lengths.sum(), filled + (bucket.row or bucket.windows * bucket.width)
        assert bucket.windows >= len(lengths) and bucket.width >= lengths.max()
    assert len(seen) < 60
    assert filled / real < (1.12 if packed else 1.3)


@pytest.mark.parametrize("packed", [True, False])
def test_batches_of_windows_have_few_shapes_and_little_filling(packed):
    buckets, seen = Buckets(300, 40, packed), set()
    budget = 8192
    widths = buckets.widths(np.arange(1, 301))
    assert widths.tolist() == [buckets.width(length) for length in range(1, 301)]
    for length in range(8, 301):
        full = budget // buckets.width(length)
        for windows in {1, 3, full // 2, full - 1, full}:
            bucket = buckets.of_windows(np.full(windows, length), budget)
            seen.add((bucket.windows, bucket.width))
            assert bucket.width >= length and bucket.pairs == 0 and windows <= bucket.windows
            if packed:
                assert bucket.row <= windows * length * (1 + 1 / FINE) + 1.5 * bucket.windows
            else:
                assert bucket.windows <= min(full, windows * (1 + 1 / COARSE))
    assert len(seen) < 100
