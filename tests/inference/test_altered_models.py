"""A saved model comes from anybody: whatever was altered in it, also where its list of files was made to fit, ends in one sentence."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

import psy_agents
from psy_agents.agents.saved.agent import Decisions
from psy_agents.agents.saved.checksums import write_checksums
from psy_agents.agents.saved.ensemble import save_ensemble
from psy_agents.errors import UserError

Alteration = Callable[[Path], None]


def entry(file: str, *keys: str, value: object) -> Alteration:
    """Sets an entry of a JSON file."""

    def alter(folder: Path) -> None:
        values = inner = json.loads((folder / file).read_text())
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        (folder / file).write_text(json.dumps(values))

    return alter


def content(file: str, data: bytes) -> Alteration:
    return lambda folder: (folder / file).write_bytes(data)


def cut(file: str) -> Alteration:
    return lambda folder: (folder / file).write_bytes((folder / file).read_bytes()[:-100])


def weights_outside(folder: Path) -> None:
    """The list of the weights' parts names a file beside the model; another file is as large as the weights."""
    weights = folder / "encoder/model.safetensors"
    names = list(load_file(weights))
    shutil.copy(weights, folder.parent / "outside.safetensors")
    weights.rename(weights.with_name("other.safetensors"))
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "../../outside.safetensors")}
    (folder / "encoder/model.safetensors.index.json").write_text(json.dumps(index))


ALTERED = {
    "weights outside": weights_outside,
    "quantised weights": entry("encoder/config.json", "quantization_config", value={"quant_method": "fp8"}),
    "temperature 0": entry("agent.json", "temperature", value=0.0),
    "temperature that is no number": entry("agent.json", "temperature", value=float("nan")),
    "threshold of text": entry("agent.json", "threshold", value="x"),
    "thresholds as a list": entry("agent.json", "thresholds", value=[0.5]),
    "no criterion": entry("agent.json", "criteria", value={}),
    "a blank criterion": entry("agent.json", "criteria", value={"A": " "}),
    "no span": entry("agent.json", "decoding", "max_spans", value=0),
    "a unit that is none": entry("agent.json", "decoding", "unit", value="pages"),
    "a precision that is none": entry("agent.json", "reading", "precision", value="float64"),
    "a batch of no token": entry("agent.json", "reading", "evaluation_tokens", value=0),
    "a head of many layers": entry("agent.json", "model", "head_depth", value=10**6),
    "a pooling that is none": entry("agent.json", "model", "pooling", value="meen"),
    "an agent outside": entry("agent.json", "agent", value="../criteria"),
    "a format of text": entry("agent.json", "format", value=["4"]),
    "a token without an embedding": entry("tokenizer_config.json", "cls_token", value="[FIRST]"),
    "a list for a description": content("agent.json", b"[]"),
    "deep nesting": content("agent.json", b"[" * 100_000),
    "layers without end": entry("encoder/config.json", "num_hidden_layers", value=10**9),
    "too many layers": entry("encoder/config.json", "num_hidden_layers", value=900),
    "words without end": entry("encoder/config.json", "vocab_size", value=9_000_000),
    "a negative width": entry("encoder/config.json", "hidden_size", value=-8),
    "a family of its own code": entry("encoder/config.json", "model_type", value="nobodys"),
    "a configuration that is none": content("encoder/config.json", b"\xff\xfe"),
    "cut heads": cut("heads.safetensors"),
    "no heads": content("heads.safetensors", b""),
    "heads with a header without end": content("heads.safetensors", (2**62).to_bytes(8, "little") + b"{}"),
    "cut weights": cut("encoder/model.safetensors"),
    "weights of zeros": content("encoder/model.safetensors", bytes(1000)),
    "a tokenizer that is none": content("tokenizer.json", b"{}"),
}


@pytest.mark.parametrize("altered", ALTERED)
def test_a_file_that_was_altered_together_with_its_checksum_ends_in_one_sentence(models, tmp_path, altered):
    folder = Path(shutil.copytree(models("criteria"), tmp_path / "model"))
    ALTERED[altered](folder)
    write_checksums(folder)
    refused(folder)


def refused(folder: Path) -> None:
    with pytest.raises(UserError) as refusal:
        psy_agents.load(folder)
    sentence = str(refusal.value)
    assert len(sentence) < 500 and "\n" not in sentence and sentence.endswith("."), sentence


@pytest.mark.parametrize("name", ["criteria", "evidence", "share"])
@pytest.mark.parametrize(
    "alter",
    [
        entry("encoder/config.json", "layer_norm_eps", value=float("nan")),
        entry("encoder/config.json", "layer_norm_eps", value=-0.5),
    ],
)
def test_a_model_that_loads_and_gives_no_numbers_ends_in_one_sentence(models, tmp_path, name, alter):
    folder = Path(shutil.copytree(models(name), tmp_path / "model"))
    alter(folder)
    write_checksums(folder)
    with pytest.raises(UserError, match=f"^'{folder}' (cannot predict|cannot be loaded|gives answers that are not numbers)"):
        psy_agents.load(folder).predict(["I feel tired.", "A b c d e f g."])


@pytest.mark.parametrize("entries", [{"output_hidden_states": "x"}, {"return_dict": False}, {"pad_token_id": -1}])
def test_what_a_configuration_says_of_outputs_changes_none(models, tmp_path, entries):
    folder = Path(shutil.copytree(models("criteria"), tmp_path / "model"))
    for key, value in entries.items():
        entry("encoder/config.json", key, value=value)(folder)
    write_checksums(folder)
    assert psy_agents.load(folder).predict(["I feel tired."]) == psy_agents.load(models("criteria")).predict(["I feel tired."])


def listed(folder: Path, name: str) -> None:
    file = folder / "hashes.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: "0" * 64}))


def test_no_file_is_read_that_the_list_lacks_or_that_lies_elsewhere(models, tmp_path):
    def altered(alter: Alteration) -> Path:
        shutil.rmtree(tmp_path / "model", ignore_errors=True)
        folder = Path(shutil.copytree(models("criteria"), tmp_path / "model"))
        alter(folder)
        return folder

    outside = tmp_path / "outside.json"
    shutil.copy(models("criteria") / "agent.json", outside)

    def link(folder: Path) -> None:
        (folder / "agent.json").unlink()
        (folder / "agent.json").symlink_to(outside)

    def link_to_the_list(folder: Path) -> None:
        (folder / "hashes.json").rename(tmp_path / "hashes.json")
        (folder / "hashes.json").symlink_to(tmp_path / "hashes.json")

    def loop(folder: Path) -> None:
        (folder / "agent.json").unlink()
        (folder / "agent.json").symlink_to("agent.json")

    def pipe(name: str) -> Alteration:
        def alter(folder: Path) -> None:
            (folder / name).unlink()
            os.mkfifo(folder / name)

        return alter

    unlisted = ("encoder/model-2.safetensors", "encoder/model.safetensors.index.json", "encoder/adapter_config.json", "vocab.json")
    for alter in (
        content("hashes.json", b"{}"),
        lambda folder: listed(folder, "../outside.json"),
        lambda folder: listed(folder, outside.as_posix()),
        link,
        link_to_the_list,
        loop,
        pipe("hashes.json"),
        pipe("agent.json"),
        *(content(name, b"{}") for name in unlisted),
    ):
        refused(altered(alter))


@pytest.mark.parametrize("members", [[], ["../model"], ["member_1", "member_9"], ["member_1"], "member_1", None])
def test_an_ensemble_of_other_members_than_its_list_has_is_refused(models, tmp_path, members):
    folder = tmp_path / "ensemble"
    save_ensemble(folder, [models("criteria"), models("criteria")], Decisions())
    entry("ensemble.json", "members", value=members)(folder)
    write_checksums(folder, ["ensemble.json", "member_1/hashes.json", "member_2/hashes.json"])
    refused(folder)
