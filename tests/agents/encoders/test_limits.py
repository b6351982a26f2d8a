"""An encoder's configuration comes from anybody: it chooses no files outside its folder, no code, and no way of running."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from psy_agents.agents.encoders.limits import check_config
from psy_agents.agents.encoders.loading import load_encoder
from psy_agents.errors import UserError


@pytest.fixture
def folder(encoders, tmp_path):
    return Path(shutil.copytree(encoders["bert"], tmp_path / "bert"))


def say(folder, **entries):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def in_parts(folder, place=""):
    """Store the weights in two parts, the second at a place."""
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    parts = {"model-1.safetensors": names[:5], f"{place}model-2.safetensors": names[5:]}
    for part, held in parts.items():
        save_file({name: weights[name] for name in held}, folder / part, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: part for part, held in parts.items() for name in held}}
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_weights_in_parts_are_read(folder, encoders):
    whole = load_encoder(Path(encoders["bert"]), 0.0).state_dict()
    in_parts(folder)
    assert all(torch.equal(weight, whole[name]) for name, weight in load_encoder(folder, 0.0).state_dict().items())


@pytest.mark.parametrize("place", ["../", "sub/", None])
def test_a_part_of_the_weights_elsewhere_is_not_read(folder, place):
    (folder / "sub").mkdir()
    in_parts(folder, f"{folder.parent}/" if place is None else place)
    with pytest.raises(UserError, match="index.json names a part of the weights that is not in the folder"):
        load_encoder(folder, 0.0)


@pytest.mark.parametrize("content", ["[]", "{}", '{"weight_map": ["a"]}', '{"weight_map": {"a": 3}}', '{"weight_map": {"a": ".."}}', "x"])
def test_a_list_of_parts_that_is_none_is_refused(folder, content):
    (folder / "model.safetensors.index.json").write_text(content)
    with pytest.raises(UserError, match="model.safetensors.index.json "):
        check_config(folder)


def test_quantised_weights_are_refused(folder):
    say(folder, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True})
    with pytest.raises(UserError, match="its weights are quantised"):
        load_encoder(folder, 0.0)


@pytest.mark.parametrize(
    "entry",
    [
        {"_attn_implementation": "somebody/attention"},  # Code of the hub, if the package kernels is installed.
        {"attn_implementation": "flash_attention_2"},
        {"_experts_implementation": "somebody/experts"},
        {"transformers_weights": "../other.safetensors"},
        {"chunk_size_feed_forward": 7},
    ],
)
def test_what_a_configuration_says_about_running_is_not_read(folder, entry):
    plain = load_encoder(folder, 0.0)
    say(folder, **entry)
    said = load_encoder(folder, 0.0)
    assert said.config._attn_implementation == plain.config._attn_implementation
    ids = torch.arange(11)[None]
    assert torch.equal(said(ids).last_hidden_state, plain(ids).last_hidden_state)
