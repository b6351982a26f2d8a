"""The shape of an encoder from its configuration: what its model says once it is loaded."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
from support.tiny_agents import ENCODERS
from support.training.tiny_decoders import DECODERS
from transformers import AlbertConfig

from psy_agents.agents.encoders.decoders import causal_layers
from psy_agents.agents.encoders.loading import layers_of, load_encoder, max_positions
from psy_agents.agents.encoders.shape import EncoderShape, shape_of
from psy_agents.errors import UserError


@pytest.mark.parametrize("family", [*ENCODERS, *DECODERS])
def test_layers_and_positions_are_those_of_the_model(encoders, family):
    model = load_encoder(Path(encoders[family]), 0.0)
    vocabulary = model.get_input_embeddings().num_embeddings
    expected = EncoderShape(len(layers_of(model)), max_positions(model), vocabulary, bool(causal_layers(model)))
    assert shape_of(Path(encoders[family])) == expected


@pytest.mark.parametrize(("padding", "fits"), [(None, True), (-1, True), (0, True), (-2, False), ("0", False), (10**9, False)])
def test_the_padding_is_a_token_or_none(encoders, tmp_path, padding, fits):
    folder = Path(shutil.copytree(encoders["roberta"], tmp_path / "padded"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"pad_token_id": padding}))
    with nullcontext() if fits else pytest.raises(UserError, match="which is none of its tokens"):
        shape_of(folder)


def test_what_the_file_leaves_out_is_the_familys_default(encoders, tmp_path):
    folder = Path(shutil.copytree(encoders["roberta"], tmp_path / "short"))
    config = json.loads((folder / "config.json").read_text())
    del config["num_hidden_layers"], config["pad_token_id"]
    (folder / "config.json").write_text(json.dumps(config))
    whole = shape_of(Path(encoders["roberta"]))
    assert shape_of(folder) == EncoderShape(12, whole.positions, whole.vocabulary)


def test_an_encoder_whose_layers_share_their_weights_is_refused(tmp_path):
    AlbertConfig(num_hidden_layers=2).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"the layers of albert share their weights, .*: use an encoder of another family\.$"):
        shape_of(tmp_path)
