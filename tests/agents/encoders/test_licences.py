from __future__ import annotations

import logging

import pytest

from psy_agents.agents.config import BUNDLED_ENCODER
from psy_agents.agents.encoders.licences import NOT_STATED, licence_of, log_licence
from psy_agents.agents.encoders.loading import locate_encoder
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.training.config import TrainingSettings


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\n# A card\n", "mit"),
        ("---\r\ntags: [x]\r\nlicense: cc-by-nc-4.0\r\n---\r\n", "cc-by-nc-4.0"),
        ("---\nlicense: [mit, apache-2.0]\n---\n", "mit, apache-2.0"),
        ("---\nlicense: other\nlicense_name: some-name\n---\n", "some-name"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\nlanguage: en\n---\n", NOT_STATED),
        ("# No header\nlicense: mit\n", NOT_STATED),
        ("---\nlicense: [\n---\n", NOT_STATED),
        ("---\n- mit\n---\n", NOT_STATED),
        ("", NOT_STATED),
    ],
)
def test_the_licence_is_that_of_the_model_cards_header(tmp_path, card, licence):
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert licence_of(tmp_path) == licence


def test_without_a_card_no_licence_is_stated(tmp_path):
    assert licence_of(tmp_path) == NOT_STATED


def test_the_bundled_encoder_states_its_licence():
    assert licence_of(locate_encoder(BUNDLED_ENCODER)) == "apache-2.0"


@pytest.mark.parametrize(
    ("licence", "level"),
    [
        ("cc-by-nc-4.0", "WARNING"),
        ("cc-by-nc-sa-4.0", "WARNING"),
        ("some-non-commercial", "WARNING"),
        ("mit", "INFO"),
        ("ncsa", "INFO"),
    ],
)
def test_a_licence_without_commercial_use_is_a_warning(tmp_path, caplog, licence, level):
    (tmp_path / "README.md").write_text(f"---\nlicense: {licence}\n---\n")
    with caplog.at_level(logging.INFO):
        log_licence("an/encoder", tmp_path)
    (record,) = caplog.records
    assert record.levelname == level
    assert record.getMessage().startswith(f"encoder an/encoder: licence {licence}")


def test_every_encoder_of_a_search_space_is_known_before_the_search():
    choices = {"encoder": {"type": "categorical", "choices": ["a/b", "c"]}}
    spaces = SearchSpaceConfig(small={}, large=choices)
    settings = TrainingSettings(fixed={"encoder": "x"})
    assert spaces.encoders("share", "large", settings) == ["a/b", "c"]
    assert spaces.encoders("share", "small", settings) == ["x"]


def test_weights_in_the_older_format_are_fetched_where_there_are_no_others(tmp_path, monkeypatch):
    import huggingface_hub

    asked = []

    def download(name, allow_patterns, local_files_only):
        asked.append(allow_patterns)
        if "pytorch_model*.bin" in allow_patterns:
            (tmp_path / "pytorch_model.bin").touch()
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert locate_encoder("some/encoder") == tmp_path
    assert len(asked) == 2
    (tmp_path / "pytorch_model.bin").unlink()
    (tmp_path / "model.safetensors").touch()
    assert locate_encoder("some/encoder") == tmp_path
    assert len(asked) == 3
