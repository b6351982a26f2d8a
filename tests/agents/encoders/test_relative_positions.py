"""DeBERTa's relative positions from the table are the ones that transformers computes."""

from pathlib import Path

import pytest
import torch
from support.tiny_agents import any_windows
from transformers import AutoConfig, AutoModel
from transformers.models.deberta_v2.modeling_deberta_v2 import build_relative_position

from psy_agents.agents.encoders.loading import load_encoder
from psy_agents.agents.encoders.relative_positions import use_relative_position_table


@pytest.mark.parametrize(("buckets", "longest", "positions"), [(256, -1, 512), (16, -1, 64), (-1, -1, 64), (32, 128, 512)])
def test_the_table_holds_the_bucket_of_every_distance(encoders, buckets, longest, positions):
    sizes = {"position_buckets": buckets, "max_relative_positions": longest, "max_position_embeddings": positions}
    stack = AutoModel.from_config(AutoConfig.from_pretrained(encoders["deberta-v2"], **sizes))
    use_relative_position_table(stack)
    stack = stack.encoder
    for queries, keys in ((positions, positions), (1, positions), (5, 5), (7, 3)):
        query, key = torch.zeros(2, queries, 4), torch.zeros(2, keys, 4)
        computed = build_relative_position(query, key, stack.position_buckets, stack.max_relative_positions)
        looked_up = stack.get_rel_pos(key, query)
        assert looked_up.dtype == computed.dtype and torch.equal(looked_up, computed)
    assert torch.equal(stack.get_rel_pos(key), build_relative_position(key, key, stack.position_buckets, stack.max_relative_positions))
    assert stack.get_rel_pos(key, relative_pos=computed) is computed


def test_an_encoders_states_and_weights_stay_the_same(encoders):
    given, folder = any_windows(), Path(encoders["deberta-v2"])
    loaded, plain = load_encoder(folder, 0.0).eval(), AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = [encoder(**given.encoder_inputs).last_hidden_state for encoder in (loaded, plain)]
    assert torch.equal(*states)
    assert loaded.state_dict().keys() == plain.state_dict().keys()
