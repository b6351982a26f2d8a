"""An exported folder opens anywhere, with the hub's classes and with ours, and nothing in it is unpickled."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import psy_agents
from psy_agents.agents.registry import AGENTS
from psy_agents.agents.saved.checksums import write_checksums
from psy_agents.errors import UserError
from psy_agents.release.export_folder import exported_folder

TEXTS = ["I barely slept all week. Then home.", "We walked to the market. " * 12 + "I have no energy left."]
PROGRAM = """
import json, pickle, sys
import torch, transformers

def refuse(*_, **__):
    raise SystemExit("something was unpickled")

# Classes stay classes: libraries build their own on them when they are imported.
for name in ("Unpickler", "_Unpickler"):
    setattr(pickle, name, type(name, (getattr(pickle, name),), {"load": refuse}))
pickle.load = pickle.loads = torch.load = torch.serialization.load = refuse

from pathlib import Path
import psy_agents
from transformers import AutoModel, AutoTokenizer

agent = psy_agents.load("model")
predicted = agent.predict(sys.argv[1:])
found = [{name: [each.probability, each.predicted, each.spans] for name, each in of_text.items()} for of_text in predicted]
tokenizer = AutoTokenizer.from_pretrained("model")
shapes = []
for encoder in sorted(Path("model").glob("*encoder")):
    states = AutoModel.from_pretrained(encoder)(**tokenizer(["Home.", "Then home."], padding=True, return_tensors="pt"))
    shapes.append(list(states.last_hidden_state.shape))
print(json.dumps([found, shapes]))
"""


def opened(folder: Path, *texts: str) -> subprocess.CompletedProcess:
    """In a process of its own, in which nothing can be unpickled, beside the folder."""
    source = Path(psy_agents.__file__).parents[1]
    inherited = {"PYTHONPATH": os.pathsep.join([str(source), os.environ.get("PYTHONPATH", "")]), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *texts],
        cwd=folder.parent, env={**os.environ, **inherited}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


def test_a_copy_opens_in_an_empty_folder_in_a_fresh_process_without_unpickling(trained, tmp_path):
    made = trained("joint")
    with exported_folder(made.facts(), made.model) as folder:
        assert {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))} == {0o755, 0o644}, "everybody may read it"
        copy = Path(shutil.copytree(folder, tmp_path / "model"))
    ended = opened(copy, *TEXTS)
    assert ended.returncode == 0, ended.stderr
    found, shapes = json.loads(ended.stdout)
    here = psy_agents.load(made.model).predict(TEXTS)
    for of_text, wanted in zip(found, here, strict=True):
        for name, prediction in wanted.items():
            probability, predicted, spans = of_text[name]
            assert (probability, predicted) == (pytest.approx(prediction.probability, abs=1e-5), prediction.predicted)
            assert (spans is None) == (prediction.spans is None)
    assert len(shapes) == 2 and all(len(shape) == 3 and shape[0] == 2 for shape in shapes)


def test_the_poison_works(trained, tmp_path):
    """Encoders in an old format are what transformers would unpickle."""
    import torch

    folder = Path(shutil.copytree(trained("criteria").model, tmp_path / "model"))
    weights = folder / "encoder" / "model.safetensors"
    from safetensors.torch import load_file

    torch.save(load_file(weights), folder / "encoder" / "pytorch_model.bin")
    weights.unlink()
    code = PROGRAM.replace('agent = psy_agents.load("model")', 'AutoModel.from_pretrained("model/encoder")')
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 1 and "something was unpickled" in ended.stderr


@pytest.mark.parametrize("agent", AGENTS)
def test_other_weights_next_to_the_safetensors_are_ignored_and_alone_refused(trained, tmp_path, agent):
    folder = Path(shutil.copytree(trained(agent).model, tmp_path / "model"))
    encoder = next(folder.glob("*encoder"))
    (encoder / "pytorch_model.bin").write_bytes(b"not even a pickle")
    assert psy_agents.load(folder).predict(TEXTS[:1])
    (encoder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=f"lacks its file {encoder.name}/model.safetensors"):
        psy_agents.load(folder)
    write_checksums(folder)
    with pytest.raises(UserError, match=f"has no weights in safetensors in {encoder.name}, and no others are opened"):
        psy_agents.load(folder)


@pytest.mark.parametrize("name", ["encoder/pytorch_model.bin", "optimizer.PT", "heads.pkl"])
def test_a_folder_with_a_file_that_would_be_unpickled_is_not_exported(trained, tmp_path, name):
    made = trained("criteria")
    folder = Path(shutil.copytree(made.model, tmp_path / "model"))
    (folder / name).write_bytes(b"anything")
    refused = pytest.raises(UserError, match=f"{name} is no file of an agent, and opening it could run code")
    with refused, exported_folder(made.facts(), folder):
        raise AssertionError("it was exported")


def test_a_damaged_model_is_named_by_its_own_folder_and_not_by_the_copy_that_is_exported(trained, tmp_path):
    made = trained("criteria")
    folder = Path(shutil.copytree(made.model, tmp_path / "damaged"))
    (folder / "encoder" / "config.json").write_text("{}", encoding="utf-8")
    write_checksums(folder)
    with pytest.raises(UserError) as refused, exported_folder(made.facts(), folder):
        raise AssertionError("it was exported")
    assert re.findall(r"'(.*?)'", str(refused.value)) == [str(folder)]
