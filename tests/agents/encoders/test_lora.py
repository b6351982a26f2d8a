"""With adapters the encoder's own weights stay as they are; what is trained and saved are the adapters and the heads."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from support.tiny_agents import SETTINGS, any_windows, parameters
from support.training.tiny_decoders import DECODERS
from torch import nn
from transformers import AutoModel

from psy_agents.agents import model
from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders import lora
from psy_agents.agents.encoders.loading import load_encoder
from psy_agents.agents.registry import AGENTS, new_agent, spec
from psy_agents.agents.saved.agent import load_agent
from psy_agents.agents.saved.base import has_adapters
from psy_agents.agents.saved.merging import merge_saved
from psy_agents.errors import UserError
from psy_agents.inference.predictor import Predictor
from psy_agents.training.scoring import answer
from psy_agents.training.trainer import TrainingData, TrainingRun

RANK = 3


def agent_of(folder, name="criteria", **options):
    torch.manual_seed(0)
    return new_agent(name, ModelConfig(head_dropout=0.0, **{"lora_rank": RANK, "pooling": "last", **options}), Path(folder)).eval()


def run_of(encoder, corpus, name, settings=SETTINGS, **options):
    config = parameters(encoder, lora_rank=RANK, pooling="last", **options)
    return TrainingRun(name, config, settings, TrainingData(corpus, name, settings), seed=1, epochs=1, patience=1, device="cpu")


def adapter_sizes(encoder, names=None, above=0):
    """Weights of adapters on the linear layers of an encoder without any."""
    layers = [layer for layer in next(m for m in encoder.modules() if isinstance(m, nn.ModuleList))][above:]
    linear = [(name, m) for layer in layers for name, m in layer.named_modules() if isinstance(m, nn.Linear)]
    return sum(RANK * (m.in_features + m.out_features) for name, m in linear if names is None or name.rpartition(".")[2] in names)


@pytest.mark.parametrize(
    ("kind", "options", "names", "above"),
    [
        ("llama", {}, None, 0),
        ("llama", {"frozen_layers": 1}, None, 1),
        ("gemma3_text", {"lora_targets": "attention"}, {"q_proj", "v_proj"}, 0),
        ("bert", {"lora_targets": "attention"}, {"query", "value"}, 0),
        ("deberta-v2", {"lora_targets": "attention"}, {"query_proj", "value_proj"}, 0),
        ("modernbert", {"lora_targets": "attention"}, {"Wqkv"}, 0),
        ("distilbert", {"lora_targets": "attention"}, {"q_lin", "v_lin"}, 0),
    ],
)
def test_adapters_alone_are_trained_in_the_layers_that_are_named(encoders, kind, options, names, above):
    agent = agent_of(encoders[kind], "joint", **options)
    trained = sum(weight.numel() for weight in agent.parameters() if weight.requires_grad)
    inside = {id(weight) for encoder in agent.encoders for weight in encoder.parameters()}
    heads = sum(weight.numel() for weight in agent.parameters() if id(weight) not in inside)
    assert trained - heads == 2 * adapter_sizes(load_encoder(Path(encoders[kind]), 0.0), names, above) > 0


def test_joints_encoders_share_one_frozen_base(encoders):
    agent = agent_of(encoders["llama"], "joint")
    first, second = (dict(encoder.named_parameters()) for encoder in agent.encoders)
    assert all((first[name].data_ptr() == second[name].data_ptr()) == (".lora_" not in name) for name in first)
    assert not any(torch.equal(first[name], second[name]) for name in first if ".lora_A" in name)


@pytest.mark.parametrize(("name", "kind"), [*zip(AGENTS, DECODERS, strict=True), ("joint", "deberta-v2")])
def test_an_agent_learns_by_its_adapters_and_is_saved_without_its_base(encoders, corpus, tmp_path, name, kind):
    run = run_of(encoders[kind], corpus, name)
    before = {key: weight.clone() for key, weight in run.agent.named_parameters()}
    (epoch,) = run.epochs()
    for key, weight in run.agent.named_parameters():
        assert weight.requires_grad == (".lora_" in key or not key.startswith(spec(name).encoders)), key
        assert torch.equal(weight, before[key]) != weight.requires_grad, key
    assert run.best.left.weights.keys() == run.agent.trained_weights().keys() < run.agent.state_dict().keys()

    run.save(tmp_path / "agent")
    folders = [tmp_path / "agent" / encoder for encoder in spec(name).encoders]
    assert all({file.name for file in folder.glob("*.*")} - {"README.md"} == {"adapter_config.json", lora.ADAPTERS} for folder in folders)
    loaded, *_ = load_agent(tmp_path / "agent")
    if run.agent.packed:
        loaded.enable_packing(run.device, torch.float32)
    ours, theirs = (answer(model, run.validation_tables, budget=2048, precision=torch.float32) for model in (run.agent, loaded))
    np.testing.assert_array_equal(ours.probabilities_P, theirs.probabilities_P)
    assert (ours.candidates is None) == (theirs.candidates is None)
    if ours.candidates is not None:
        np.testing.assert_array_equal(ours.candidates.margin, theirs.candidates.margin)

    merge_saved(tmp_path / "agent")
    merged, *_, described = load_agent(tmp_path / "agent")
    assert described["training"]["posts"] == run.data.n_posts
    whole = answer(merged, run.validation_tables, budget=2048, precision=torch.float32)
    if ours.probabilities_P is not None:
        np.testing.assert_allclose(whole.probabilities_P, ours.probabilities_P, atol=1e-5)
    assert merged.config.lora_rank == 0 and not has_adapters(tmp_path / "agent")
    with pytest.raises(UserError, match="export.merge_adapters is true, but the model has no adapters"):
        merge_saved(tmp_path / "agent")

    if name == "criteria":  # Causal, as AutoModel loads it.
        run.save(tmp_path / "again", epoch.decisions)
        theirs = PeftModel.from_pretrained(AutoModel.from_pretrained(encoders[kind]), tmp_path / "again" / "encoder").eval()
        given = any_windows().encoder_inputs
        with torch.no_grad():
            torch.testing.assert_close(theirs(**given).last_hidden_state, loaded.encoder(**given).last_hidden_state)


@pytest.mark.parametrize(("name", "kind"), [("joint", "llama"), ("criteria", "modernbert")])
def test_merged_adapters_give_the_same_answers(encoders, name, kind):
    agent, given = agent_of(encoders[kind], name), any_windows()
    untrained = agent(given).criterion_B.detach()
    for key, weight in agent.named_parameters():
        if ".lora_B" in key:
            nn.init.normal_(weight)
    with torch.no_grad():
        trained = agent(given).criterion_B
        agent.merge_adapters()
        torch.testing.assert_close(agent(given).criterion_B, trained, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(untrained, trained, atol=1e-2)
    plain = load_encoder(Path(encoders[kind]), 0.0)
    assert all(encoder.state_dict().keys() == plain.state_dict().keys() for encoder in agent.encoders)
    assert agent.config.lora_rank == 0


def test_in_bfloat16_the_base_is_kept_in_it_and_what_is_trained_in_float32(encoders, corpus):
    run = run_of(encoders["llama"], corpus, "share", SETTINGS.model_copy(update={"precision": "bfloat16"}))
    assert run.agent.packed
    (epoch,) = run.epochs()
    assert np.isfinite(epoch.losses).all()
    assert {weight.dtype: weight.requires_grad for weight in run.agent.parameters()} == {torch.bfloat16: False, torch.float32: True}


@pytest.fixture
def read_in(monkeypatch):
    """Number formats in which encoders were read."""
    seen, read = [], AutoModel.from_pretrained
    monkeypatch.setattr(AutoModel, "from_pretrained", lambda *args, **options: seen.append(options["dtype"]) or read(*args, **options))
    return seen


@pytest.mark.parametrize("kind", ["llama", "gemma3_text", "bert", "modernbert"])
def test_a_base_read_in_bfloat16_gives_what_one_cast_from_float32_gave(encoders, corpus, tmp_path, monkeypatch, read_in, kind):
    settings = SETTINGS.model_copy(update={"precision": "bfloat16"})
    found = []
    for dtype in (torch.bfloat16, torch.float32):
        if dtype == torch.float32:
            monkeypatch.setattr(model, "load_encoder", lambda folder, dropout, _: load_encoder(folder, dropout))
        run = run_of(encoders[kind], corpus, "joint", settings)
        (epoch,) = run.epochs()
        run.save(tmp_path / str(dtype))
        predictor = Predictor(tmp_path / str(dtype), "cpu")
        predicted = predictor.predict(corpus.posts["text"].tolist()[:3])
        found.append((run.agent.packed, run.agent.state_dict(), epoch.losses, epoch.metrics, [list(each.values()) for each in predicted]))
        assert read_in == [dtype, dtype], "once to train and once to predict"
        read_in.clear()
    (packed, weights, *figures), (packed_before, weights_before, *figures_before) = found
    assert packed == packed_before and figures == figures_before
    assert all(torch.equal(weight, weights_before[name]) and weight.dtype == weights_before[name].dtype for name, weight in weights.items())


def test_adapters_are_merged_into_a_base_of_float32(encoders, corpus, tmp_path, read_in):
    run = run_of(encoders["llama"], corpus, "criteria", SETTINGS.model_copy(update={"precision": "bfloat16"}))
    list(run.epochs())
    run.save(tmp_path / "agent")
    read_in.clear()
    merge_saved(tmp_path / "agent")
    assert read_in == [torch.float32]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"reinitialised_layers": 1}, "the encoder's own layers are not trained"),
        ({"frozen_layers": 2}, "frozen_layers is 2, which leaves no layer"),
    ],
)
def test_what_adapters_cannot_be_combined_with_is_refused(encoders, options, problem):
    with pytest.raises(UserError, match=problem):
        agent_of(encoders["llama"], **options)


def test_layers_without_a_known_name_and_a_missing_package_are_refused(encoders, monkeypatch):
    monkeypatch.setattr(lora, "QUERIES_AND_VALUES", frozenset())
    with pytest.raises(UserError, match="use lora_targets: linear"):
        agent_of(encoders["llama"], lora_targets="attention")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"need the package peft: pip install -c requirements.lock -e \"\.\[lora\]\""):
        agent_of(encoders["llama"])


def test_adapters_are_not_read_with_another_base_or_without_it(encoders, corpus, tmp_path):
    base = Path(shutil.copytree(encoders["llama"], tmp_path / "llama"))
    run = run_of(str(base), corpus, "criteria")
    saved = tmp_path / "agent"
    list(run.epochs())
    run.save(saved)
    assert json.loads((saved / "base.json").read_text())["encoder"] == str(base)
    (base / "config.json").write_text((base / "config.json").read_text() + "\n")
    with pytest.raises(UserError, match="the files of that encoder here have other checksums"):
        load_agent(saved)
    shutil.rmtree(base)
    with pytest.raises(UserError, match="holds adapters only, and their encoder is missing"):
        load_agent(saved)
