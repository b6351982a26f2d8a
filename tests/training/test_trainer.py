"""The training run: determinism, accumulation, divergence, patience, frozen layers, the kept epoch."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.tiny_agents import SETTINGS, build_corpus, parameters

from psy_agents.agents.encoders.loading import depth_of_parameters
from psy_agents.agents.saved.agent import load_agent
from psy_agents.agents.saved.checksums import write_checksums
from psy_agents.corpus.corpus import Corpus
from psy_agents.errors import UserError
from psy_agents.training import precision
from psy_agents.training.config import TrainingSettings
from psy_agents.training.learning_curve import best_value
from psy_agents.training.precision import resolve_precision
from psy_agents.training.trainer import NonFiniteLoss, TrainingData, TrainingRun


def start(encoders, corpus, agent="share", *, seed=5, epochs=2, patience=9, divisor=1, settings=SETTINGS, **changes):
    config = parameters(encoders["bert"], **changes)
    return TrainingRun(
        agent, config, settings, TrainingData(corpus, agent, settings), seed=seed, epochs=epochs, patience=patience,
        micro_batch_divisor=divisor, device="cpu",
    )  # fmt: skip


def history(run):
    return [(epoch.losses, epoch.value, epoch.metrics, epoch.decisions) for epoch in run.epochs()]


@pytest.mark.parametrize("agent", ["criteria", "evidence", "share", "joint"])
def test_same_seed_same_run(encoders, corpus, agent):
    first = start(encoders, corpus, agent)
    first_history = history(first)
    second = start(encoders, corpus, agent, settings=SETTINGS.model_copy(update={"determinism": "strict"}))
    assert history(second) == first_history
    for name, value in first.agent.state_dict().items():
        assert torch.equal(value, second.agent.state_dict()[name])
    assert history(start(encoders, corpus, agent, seed=6)) != first_history


def test_an_epoch_tells_what_the_model_costs_to_use(encoders, corpus):
    run = start(encoders, corpus, "joint", epochs=1, frozen_layers=1)
    list(run.epochs())
    assert run.cost()["ms_per_post"] > 0
    pairs = run.data.validation
    tokens = len(run.validation_windows.ids) / len(pairs) * len(pairs.criteria)
    run.times = SimpleNamespace(seconds_per_token=0.1)
    run.validation_frozen = replace(run.validation_frozen, seconds_per_token=0.01)
    cost = run.cost()
    assert cost["ms_per_post"] == pytest.approx(1000 * tokens * (0.1 + 2 * 0.01)), "frozen layers run in both encoders"
    sizes = {True: 0, False: 0}
    for weight in run.agent.parameters():
        sizes[weight.requires_grad] += weight.numel()
    assert 0 < cost["trained_parameters"] == sizes[True] < cost["parameters"] == sizes[True] + sizes[False]


def test_an_operation_without_a_deterministic_form_is_named_where_all_must_have_one(encoders, corpus):
    run = start(encoders, corpus, settings=SETTINGS.model_copy(update={"determinism": "strict"}))
    with pytest.raises(UserError, match=r"^training.determinism is strict, but the encoder needs put_, .* on cpu"), run.as_in_an_epoch():
        torch.zeros(2).put_(torch.tensor([0]), torch.ones(1))
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_short_last_layer_changes_nothing_but_the_work(encoders, corpus):
    runs = []
    for short in (True, False):
        settings = TrainingSettings(precision="float32", short_last_layer=short)
        run = start(
            encoders, corpus, "criteria", settings=settings,
            pooling="cls", similarity="none", encoder_dropout=0.0, head_dropout=0.0,
        )  # fmt: skip
        assert bool(run.agent.short_last_layers) == short
        runs.append(list(run.epochs()))
    for one, other in zip(*runs, strict=True):
        np.testing.assert_allclose(one.losses, other.losses, rtol=1e-4)
        assert one.value == pytest.approx(other.value)


@pytest.mark.parametrize("divisor", [2, 3, 7])
def test_divided_micro_batches_leave_each_step_its_pairs(encoders, corpus, divisor):
    options = {"batch_size": 8, "gradient_accumulation_steps": 2, "encoder_dropout": 0.0, "head_dropout": 0.0, "epochs": 1}
    whole, divided = (start(encoders, corpus, divisor=each, **options) for each in (1, divisor))
    steps = [run._steps(run._batches(run._epoch_pairs(1))) for run in (whole, divided)]
    for one, other in zip(*steps, strict=True):
        assert np.concatenate(one).tolist() == np.concatenate(other).tolist()
        assert max(map(len, other)) <= math.ceil(8 / divisor)
    whole, divided = (history(start(encoders, corpus, divisor=each, **options))[0] for each in (1, divisor))
    np.testing.assert_allclose(divided[0], whole[0], rtol=1e-4)
    assert divided[1] == pytest.approx(whole[1])


@pytest.mark.parametrize("agent", ["evidence", "share"])
def test_pairs_of_unknown_evidence_do_not_dilute_the_span_loss(encoders, corpus, agent):
    run = start(encoders, corpus, agent, encoder_dropout=0.0, head_dropout=0.0, evidence_loss_weight=1.0, learning_rate=1e-9)
    run.agent.eval()
    known = np.flatnonzero(run.data.train.known)[:5]
    unknown = np.flatnonzero(~run.data.train.known)
    assert len(unknown)
    alone, diluted = (run.training_step([pairs]).item() for pairs in (known, np.concatenate([known, unknown])))
    assert diluted == pytest.approx(alone, rel=1e-4)
    assert run.training_step([unknown]).item() == 0


@pytest.mark.parametrize("agent", ["criteria", "evidence", "share", "joint"])
@pytest.mark.parametrize("parts", [[4, 4], [2, 2, 2, 2], [5, 3]])
def test_accumulated_step_equals_one_large_step(encoders, corpus, agent, parts):
    pairs = np.flatnonzero(TrainingData(corpus, agent, SETTINGS).train.labels)[:4]
    pairs = np.concatenate([pairs, np.setdiff1d(np.arange(30), pairs)[:4]])
    gradients, losses = [], []
    for batches in ([pairs], np.split(pairs, np.cumsum(parts)[:-1])):
        run = start(encoders, corpus, agent, encoder_dropout=0.0, head_dropout=0.0, max_grad_norm=1e9)
        losses.append(run.training_step(list(batches)).item())
        gradients.append([p.grad for p in run.agent.parameters()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for one, several in zip(*gradients, strict=True):
        torch.testing.assert_close(one, several, rtol=1e-3, atol=1e-5)


def test_every_pair_once_an_epoch(encoders, corpus):
    run = start(encoders, corpus, batch_size=5, gradient_accumulation_steps=2)
    seen = []
    step = run.training_step
    run.training_step = lambda batches: seen.extend(np.concatenate(batches).tolist()) or step(batches)
    losses = run._train_epoch(1)
    assert len(losses) == run.steps_per_epoch == math.ceil(math.ceil(len(seen) / 5) / 2)
    assert len(set(seen)) == len(seen)
    implicit = run.data.train.implicit
    assert set(np.flatnonzero(~implicit)) <= set(seen)
    assert implicit[seen].sum() == min(implicit.sum(), run.data.train.labels.sum())


@pytest.mark.parametrize("agent", ["criteria", "evidence", "share", "joint"])
def test_nan_weights_raise(encoders, corpus, agent):
    run = start(encoders, corpus, agent)
    with torch.no_grad():
        next(run.agent.encoders[-1].parameters()).fill_(float("nan"))
    with pytest.raises(NonFiniteLoss, match="step 1"):
        next(run.epochs())
    assert not run.best.values


def scripted(run, values):
    answers = iter(values)
    run.scorer.score = lambda *_: (next(answers), {})
    return [epoch.number for epoch in run.epochs()]


@pytest.mark.parametrize(
    ("values", "patience", "epochs", "best"),
    [
        ([0.5, 0.4, 0.3, 0.9], 2, 3, 1),
        ([0.5, 0.4, 0.6, 0.9], 2, 4, 4),
        ([0.5, 0.5, 0.5, 0.5], 1, 2, 1),
        ([0.1, 0.2, 0.3, 0.2], 9, 4, 3),
        ([0.5, 0.9, 0.1, 0.1], 2, 3, 1),  # Smoothed: 0.63, 0.5, 0.1.
    ],
)
def test_patience(encoders, corpus, values, patience, epochs, best):
    run = start(encoders, corpus, "criteria", epochs=4, patience=patience)
    assert scripted(run, values) == list(range(1, epochs + 1))
    assert run.best.number == best


def test_saved_agent_is_the_best_epochs(encoders, corpus, tmp_path):
    run = start(encoders, corpus, "criteria", epochs=4)
    weights = []
    values = iter([0.4, 0.7, 0.5, 0.0])
    run.scorer.score = lambda *_: (next(values), {})
    for _ in run.epochs():
        weights.append({k: v.clone() for k, v in run.agent.state_dict().items()})
    run.save(tmp_path / "agent")
    loaded = load_agent(tmp_path / "agent")[0].state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in weights[1].items())
    for other in (0, 2, 3):
        assert any(not torch.equal(value, loaded[name]) for name, value in weights[other].items())
    run.save(tmp_path / "agent")
    assert [path.name for path in tmp_path.iterdir()] == ["agent"]


def test_changed_agent_folder_is_refused(encoders, corpus, tmp_path):
    with pytest.raises(UserError, match=r"agent\.json"):
        load_agent(tmp_path)
    run = start(encoders, corpus, "criteria", epochs=1)
    list(run.epochs())
    run.save(tmp_path / "agent")
    description = tmp_path / "agent" / "agent.json"
    description.write_text(description.read_text().replace('"agent": "criteria"', '"agent": "evidence"'))
    with pytest.raises(UserError, match="its file agent.json is not what was saved"):
        load_agent(tmp_path / "agent")
    write_checksums(tmp_path / "agent")
    with pytest.raises(UserError, match="heads"):
        load_agent(tmp_path / "agent")


@pytest.mark.parametrize("agent", ["share", "joint"])
def test_frozen_layers_stay(encoders, corpus, agent):
    run = start(encoders, corpus, agent, frozen_layers=1, weight_decay=0.5, epochs=1)
    before = {name: value.clone() for name, value in run.agent.state_dict().items()}
    list(run.epochs())
    for encoder_name, encoder in zip(run.agent.spec.encoders, run.agent.encoders, strict=True):
        for name, depth in depth_of_parameters(encoder).items():
            whole = f"{encoder_name}.{name}"
            assert torch.equal(before[whole], run.agent.state_dict()[whole]) == (depth <= 1), whole


def test_reinitialised_layers_are_the_top_ones(encoders, corpus):
    kept, reinitialised = (start(encoders, corpus, reinitialised_layers=n).agent.encoder for n in (0, 1))
    depths = depth_of_parameters(kept)
    for (name, old), new in zip(kept.named_parameters(), reinitialised.parameters(), strict=True):
        if depths[name] <= 1:
            assert torch.equal(old, new)
        elif old.ndim > 1:
            assert not torch.equal(old, new)


@pytest.mark.parametrize("name", ["frozen_layers", "reinitialised_layers"])
def test_more_layers_than_there_are(encoders, corpus, name):
    with pytest.raises(UserError, match=f"{name} is 3"):
        start(encoders, corpus, **{name: 3})


def test_window_that_the_encoder_cannot_hold(encoders, corpus):
    with pytest.raises(UserError, match="at most 64"):
        start(encoders, corpus, max_length=65)
    with pytest.raises(UserError, match="at least"):
        start(encoders, corpus, max_length=16)


def test_sentence_unit(encoders, corpus):
    settings = TrainingSettings(precision="float32", unit="sentence")
    run = start(encoders, corpus, "criteria", settings=settings)
    assert run.train_windows.n_pairs == len(run.data.train) == run.train_windows.pair[-1] + 1
    assert run.validation_windows.n_pairs == len(run.data.validation)
    assert len(run.validation_windows.pair) > 2 * len(run.data.validation)
    assert all(math.isfinite(loss) for epoch in history(run) for loss in epoch[0])
    with pytest.raises(UserError, match="sentence is for criteria only, not for share"):
        TrainingData(corpus, "share", settings)


def test_split_without_positives(corpus):
    pairs = corpus.pairs.assign(label=0)
    empty = Corpus(corpus.posts, pairs, corpus.sentences, corpus.splits, corpus.criteria)
    with pytest.raises(UserError, match="train split has no positive"):
        TrainingData(empty, "criteria", SETTINGS)


def test_bfloat16_run_is_finite(encoders, corpus):
    run = start(encoders, corpus, "joint", settings=TrainingSettings(precision="bfloat16"), epochs=1)
    assert run.precision == torch.bfloat16 == resolve_precision("bfloat16", torch.device("cpu"))
    assert all(math.isfinite(loss) for loss in history(run)[0][0])


@pytest.mark.parametrize(("bfloat16_seconds", "dtype"), [(0.5, torch.bfloat16), (0.9, torch.float32), (2.0, torch.float32)])
def test_auto_precision_is_what_this_cpu_is_faster_in(monkeypatch, bfloat16_seconds, dtype):
    seconds = {torch.float32: 1.0, torch.bfloat16: bfloat16_seconds}
    monkeypatch.setattr(precision, "_product_seconds", seconds.get)
    monkeypatch.setattr(precision, "_cpu_flags", lambda: {"avx512_bf16"})
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    precision.bfloat16_is_faster.cache_clear()
    try:
        assert resolve_precision("auto", torch.device("cpu")) == dtype
    finally:
        precision.bfloat16_is_faster.cache_clear()


def test_a_product_is_timed_in_either_format():
    assert precision._product_seconds(torch.float32) > 0 < precision._product_seconds(torch.bfloat16)


def test_learns_what_can_be_learned(encoders):
    corpus = build_corpus(60)
    run = start(encoders, corpus, "share", epochs=12, learning_rate=5e-3, batch_size=8, encoder_dropout=0.0, max_length=64)
    epochs = list(run.epochs())
    assert np.mean(epochs[-1].losses) < 0.7 * np.mean(epochs[0].losses)
    assert best_value(run.best.values) > epochs[0].value


def test_encoder_folder_without_config(corpus, tmp_path):
    with pytest.raises(UserError, match=r"config\.json"):
        start({"bert": str(Path(tmp_path))}, corpus)
