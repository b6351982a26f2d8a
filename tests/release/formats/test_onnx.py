"""The exported graph gives what the agent gives; where there can be none, nothing is left of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import psy_agents
from psy_agents.agents.encoders.packing import Packing
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.registry import AGENTS
from psy_agents.agents.saved.agent import Decisions, load_agent
from psy_agents.agents.saved.ensemble import save_ensemble
from psy_agents.errors import UserError
from psy_agents.release.export_folder import exported_folder
from psy_agents.release.export_format import check_packages
from psy_agents.release.formats import onnx
from psy_agents.release.formats.onnx import Onnx, onnx_inputs

OUTPUTS = {"criteria": ["criterion"], "evidence": ["start", "end"]}
TEXTS = ["I barely slept all week. Then home.", "We walked to the market. " * 12 + "I have no energy left.", "Home."]


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of an agent's folder."""

    def copied(agent: str) -> Path:
        return Path(shutil.copytree(trained(agent).model, tmp_path / agent))

    return copied


@pytest.mark.parametrize("agent", AGENTS)
def test_the_graph_gives_the_agents_logits_for_windows_of_any_number_and_length(folder, agent):
    path = folder(agent)
    result = Onnx().export(path)
    assert result.deviation < 1e-4
    assert len({windows for windows, _ in result.shapes}) > 2 and len({tokens for _, tokens in result.shapes}) > 1
    session = onnxruntime.InferenceSession(path / "model.onnx")
    names = [each.name for each in session.get_outputs()]
    assert names == OUTPUTS.get(agent, ["criterion", "start", "end"])
    model, *_ = load_agent(path)
    for texts in (TEXTS, TEXTS[2:], TEXTS[:1]):
        inputs, pair = onnx_inputs(path, texts)
        assert len(set(pair.tolist())) == 2 * len(texts) and len(pair) == len(inputs["ids"])
        tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
        with torch.inference_mode():
            given = (tensors[each] for each in ("ids", "mask", "types", "answerable", "sentence"))
            width = tensors["ids"].shape[1]
            wanted = model(WindowTensors(*given, Packing((), width, torch.device("cpu")), n_sentences=width))
        found = dict(zip(names, session.run(None, inputs), strict=True))
        for name, tensor in {"criterion": wanted.criterion_B, "start": wanted.start_BT, "end": wanted.end_BT}.items():
            if name in names:
                np.testing.assert_allclose(found[name], tensor.numpy(), rtol=0, atol=1e-4)

    code = re.search(r"```python\n(.*?)```", result.text, re.S)[1].replace("path/of/this/folder", str(path))
    done = {}
    exec(code, done)
    assert [len(done[name]) for name in names] == [len(done["pair"])] * len(names), "the card's own example"
    content = (path / "model.onnx").read_bytes()
    package = str(Path(psy_agents.__file__).parent)
    assert package.encode() not in content and b"site-packages" not in content, "no path of this machine"


def test_where_the_exporter_fails_nothing_is_left_and_the_card_states_it(trained, monkeypatch, caplog):
    def fail(*_, **__):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(torch.onnx, "export", fail)
    made = trained("criteria")
    facts = made.facts()
    asked = made.facts(facts.config.model_copy(update={"formats": ("onnx",)}))
    with exported_folder(asked, made.model) as path:
        assert not (path / "model.onnx").exists()
        card = (path / "README.md").read_text(encoding="utf-8")
    assert "There is no ONNX graph: the exporter failed on this encoder (RuntimeError)." in card
    assert "criteria has no ONNX graph" in caplog.text


def test_a_graph_that_gives_something_else_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr(onnx, "_write", lambda graph, example, target: target.write_bytes(b"graph"))
    monkeypatch.setattr(onnx, "_deviation", lambda *_: 0.25)
    path = folder("criteria")
    assert Onnx().export(path).text == "There is no ONNX graph: its outputs differed from torch's by up to 0.25."
    assert not (path / "model.onnx").exists()


@pytest.fixture
def ensemble(trained, tmp_path):
    """A folder in which one agent is twice."""
    folder = tmp_path / "ensemble"
    save_ensemble(folder, [trained("criteria").model] * 2, Decisions(0.4))
    return folder


def test_each_member_of_an_ensemble_has_a_graph_of_its_own(ensemble, trained, monkeypatch):
    before = psy_agents.load(ensemble).predict(TEXTS)
    written, write = [], onnx._write

    def write_once(graph, example, target):  # Both members are the same agent, and a graph takes seconds.
        if written:
            shutil.copy(written[0], target)
        else:
            write(graph, example, target)
        written.append(target)

    monkeypatch.setattr(onnx, "_write", write_once)
    result = Onnx().export(ensemble)
    assert result.deviation < 1e-4 and len(set(written)) == 2 and not (ensemble / "model.onnx").exists()
    examples = re.findall(r"```python\n(.*?)```", result.text, re.S)
    assert [f"member_{number}" in example for number, example in enumerate(examples, 1)] == [True, True]
    for example in examples:
        done = {}
        exec(example.replace("path/of/this/folder", str(ensemble)), done)
        assert len(done["criterion"]) == len(done["pair"])
    assert psy_agents.load(ensemble).predict(TEXTS) == before
    assert not (trained("criteria").model / "model.onnx").exists()


def test_an_ensemble_of_which_one_member_can_have_no_graph_has_none_and_its_card_states_it(ensemble, trained, monkeypatch, caplog):
    deviations = iter([1e-6, 0.25])
    monkeypatch.setattr(onnx, "_write", lambda graph, example, target: target.write_bytes(b"graph"))
    monkeypatch.setattr(onnx, "_deviation", lambda *_: next(deviations))
    made = trained("criteria")
    with exported_folder(made.facts(made.facts().config.model_copy(update={"formats": ("onnx",)})), ensemble) as path:
        assert not list(path.rglob("model.onnx"))
        card = (path / "README.md").read_text(encoding="utf-8")
    assert (
        "No member of the ensemble has an ONNX graph, because member_2 is not supported. "
        "There is no ONNX graph: its outputs differed from torch's by up to 0.25."
    ) in card
    assert "criteria (member_2) has no ONNX graph: its outputs differed from torch's by up to 0.25" in caplog.text


def test_it_is_written_only_on_request(trained):
    made = trained("criteria")
    with exported_folder(made.facts(), made.model) as path:
        assert not (path / "model.onnx").exists()
        assert "No further format was exported (`export.formats`)." in (path / "README.md").read_text(encoding="utf-8")


def test_a_missing_package_is_named_with_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnxruntime" else object())
    with pytest.raises(UserError, match=r'needs the package onnxruntime: pip install -c requirements.lock -e "\.\[onnx\]"'):
        check_packages(["onnx"])
