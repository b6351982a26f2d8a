"""The training step reads no value of a tensor, so a GPU is never waited for, and a batch is an index into tables."""

import numpy as np
import pytest
from support.tiny_agents import SETTINGS, parameters
from torch.utils._python_dispatch import TorchDispatchMode

from psy_agents.agents.registry import AGENTS
from psy_agents.training.trainer import TrainingData, TrainingRun

READS_A_VALUE = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique", "unique_consecutive"}


def start(encoders, corpus, agent, settings=SETTINGS, **changes):
    config = parameters(encoders["bert"], **changes)
    return TrainingRun(agent, config, settings, TrainingData(corpus, agent, settings), seed=5, epochs=2, patience=9, device="cpu")


class NoValueRead(TorchDispatchMode):
    """Fails on an operation whose shape or result on the host depends on a tensor's values."""

    def __init__(self):
        super().__init__()
        self.operations = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        assert name not in READS_A_VALUE, f"the step reads a value: {function}"
        self.operations.add(name)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("frozen_layers", [0, 1])
@pytest.mark.parametrize("agent", AGENTS)
def test_a_step_reads_no_value_of_a_tensor(encoders, corpus, agent, frozen_layers):
    run = start(encoders, corpus, agent, frozen_layers=frozen_layers, gradient_accumulation_steps=2, span_loss="marginal")
    run.agent.train()
    batches = run._steps(run._batches(run._epoch_pairs(1)))[0]
    with NoValueRead() as seen:
        run.training_step(batches)
    assert "_fused_adamw_" in seen.operations and "index" in seen.operations


def test_a_batch_has_all_windows_of_its_pairs_in_their_order(encoders, corpus):
    run = start(encoders, corpus, "share")
    windows, tables = run.train_windows, run.train_tables
    several = np.flatnonzero(np.bincount(windows.pair) > 1)
    unknown = np.flatnonzero(~run.data.train.known)[0]
    pairs = np.array([several[1], unknown, several[0]])
    batch = tables.batch(pairs)
    expected = np.concatenate([np.flatnonzero(windows.pair == pair) for pair in pairs])
    assert tables.windows_of(pairs).tolist() == expected.tolist()
    assert tables.n_known_windows(pairs) == run.data.train.known[windows.pair[expected]].sum() < len(expected)
    assert pairs[batch.pair_B].tolist() == windows.pair[expected].tolist()
    for row, window in enumerate(expected):
        length = windows.lengths[window]
        inside = slice(windows.first[window], windows.first[window + 1])
        assert batch.windows.ids_BT[row, :length].tolist() == windows.ids[inside].tolist()
        assert batch.windows.mask_BT[row].sum() == length
        assert not batch.windows.answerable_BT[row, length:].any() and not batch.start_targets_BT[row, length:].any()
        assert (batch.windows.ids_BT[row, length:] == run.tokenizer.pad_token_id).all()
        assert (batch.windows.sentence_BT[row, length:] == -1).all()
    assert batch.labels_P.tolist() == run.data.train.labels[pairs].tolist()
    assert batch.known_B.tolist() == run.data.train.known[windows.pair[expected]].tolist()


def test_tables_are_made_once_a_worker(encoders, corpus):
    data = TrainingData(corpus, "share", SETTINGS)
    runs = [
        TrainingRun("share", parameters(encoders["bert"], learning_rate=rate), SETTINGS, data, seed=1, epochs=1, patience=1, device="cpu")
        for rate in (1e-3, 2e-3)
    ]
    assert runs[0].train_tables is runs[1].train_tables and runs[0].validation_tables is runs[1].validation_tables
