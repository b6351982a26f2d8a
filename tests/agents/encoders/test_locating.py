"""What an encoder's name means: a path, the bundled encoder, or a name on the hub."""

import ast
from pathlib import Path

import pytest

import psy_agents
from psy_agents.agents.config import BUNDLED_ENCODER
from psy_agents.agents.encoders import loading
from psy_agents.agents.encoders.loading import locate_encoder
from psy_agents.errors import UserError


def test_a_folder_of_the_working_directory_never_stands_in_for_a_name_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("nobody/encoder", "encoder"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
        with pytest.raises(UserError, match=f"was not found: .*; for the folder of this name write ./{name}"):
            locate_encoder(name)
        for path in (f"./{name}", f"~/{name}", (tmp_path / name).as_posix()):
            assert locate_encoder(path) == (tmp_path / name).resolve()


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
def test_the_bundled_encoder_is_refused_if_a_file_of_it_is_not_what_was_published(monkeypatch, file):
    loading._first_altered.cache_clear()
    monkeypatch.setitem(loading.BUNDLED_SHA256, file, "0" * 64)
    try:
        with pytest.raises(UserError, match=f"The bundled encoder's {file} does not have the SHA-256 of .*: reinstall it"):
            locate_encoder(BUNDLED_ENCODER)
    finally:
        loading._first_altered.cache_clear()


def test_every_load_of_a_folder_says_that_its_code_is_not_run():
    calls = [
        call
        for file in Path(psy_agents.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "from_pretrained"
    ]
    said = [{each.arg: each.value for each in call.keywords}.get("trust_remote_code") for call in calls]
    assert len(calls) > 3 and all(isinstance(value, ast.Constant) and value.value is False for value in said)
