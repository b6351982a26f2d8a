"""The shape of an encoder from its configuration: what its model says once it is loaded."""

import json
import shutil
from pathlib import Path

import pytest
from support.tiny_agents import ENCODERS

from psy_agents.agents.encoders.loading import layers_of, load_encoder, max_positions
from psy_agents.agents.encoders.shape import EncoderShape, shape_of


@pytest.mark.parametrize("family", ENCODERS)
def test_layers_and_positions_are_those_of_the_model(encoders, family):
    model = load_encoder(Path(encoders[family]), 0.0)
    assert shape_of(Path(encoders[family])) == EncoderShape(len(layers_of(model)), max_positions(model))


def test_what_the_file_leaves_out_is_the_familys_default(encoders, tmp_path):
    folder = Path(shutil.copytree(encoders["roberta"], tmp_path / "short"))
    config = json.loads((folder / "config.json").read_text())
    del config["num_hidden_layers"], config["pad_token_id"]
    (folder / "config.json").write_text(json.dumps(config))
    assert shape_of(folder) == EncoderShape(12, shape_of(Path(encoders["roberta"])).positions)
