"""A decoder reads the criterion, then the post, between special tokens, in causal attention or with both sides in view."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_agents import CRITERIA, any_windows
from support.training.tiny_decoders import DECODERS

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders.loading import depth_of_parameters
from psy_agents.agents.encoders.tokenizer import criterion_tokens, load_tokenizer, plain_tokenizer
from psy_agents.agents.registry import AGENTS, new_agent
from psy_agents.agents.windows import tokenise_pairs
from psy_agents.errors import UserError

CPU = torch.device("cpu")
POST = "I could not  sleep.\n Ünusual 🙂 tired"


def agent_of(folder, name="criteria", **options):
    torch.manual_seed(0)
    return new_agent(name, ModelConfig(head_dropout=0.0, **{"pooling": "last", **options}), Path(folder)).eval()


@pytest.mark.parametrize("kind", DECODERS)
def test_a_window_closes_both_texts_and_its_offsets_hold_no_white_space(encoders, kind, tmp_path):
    folder = Path(encoders[kind])
    tokenizer = load_tokenizer(folder)
    windows = tokenise_pairs(tokenizer, [CRITERIA["sleep"]], [POST], max_length=64, overlap=0.0, positions=64)
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    special = {end} if begin is None else {begin, end}
    outside = windows.starts < 0
    at = np.flatnonzero(outside & np.isin(windows.ids, list(special)))
    first_of_post = int(np.argmax(~outside))
    assert at.tolist() == [0, first_of_post - 1, len(windows.ids) - 1]
    assert windows.ids[at].tolist() == [end if begin is None else begin, end, end]
    texts = [POST[start:stop] for start, stop in zip(windows.starts, windows.ends, strict=True) if 0 <= start < stop]
    assert all(text == text.strip() for text in texts) and set("".join(texts)) == set(POST) - set(" \n")
    assert criterion_tokens(plain_tokenizer(folder), CRITERIA)["sleep"] == first_of_post + 1
    tokenizer.save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again(CRITERIA["sleep"], POST)["input_ids"] == windows.ids.tolist()
    assert (again.pad_token_id, again.padding_side) == (tokenizer.pad_token_id, "right") and again.pad_token_id is not None


def test_a_tokenizer_without_a_token_that_ends_a_text_is_refused(encoders, tmp_path):
    tokenizer = load_tokenizer(Path(encoders["smollm3"]))
    tokenizer.backend_tokenizer.post_processor = None
    tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="has no token that ends a text: set eos_token"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("kind", DECODERS)
def test_a_token_knows_what_follows_only_in_bidirectional_attention(encoders, kind, attention, packed):
    agent = agent_of(encoders[kind], attention=attention)
    if packed:
        agent.enable_packing(CPU, torch.float32)
        assert agent.packed
    given = any_windows()
    other_BT = given.ids_BT.clone()
    other_BT[:, 4] = other_BT[:, 4] % 20 + 5
    with torch.no_grad():
        one, other = (agent.encode(agent.encoder, replace(given, ids_BT=ids_BT)) for ids_BT in (given.ids_BT, other_BT))
    assert torch.equal(one[:, :4], other[:, :4]) == (attention == "causal")
    assert not torch.allclose(one[:, 4], other[:, 4])


def test_agents_that_predict_evidence_see_both_sides_by_default(encoders):
    causal = {name: agent_of(encoders["llama"], name).causal for name in AGENTS}
    assert causal == {"criteria": True, "evidence": False, "share": False, "joint": False}
    assert not agent_of(encoders["bert"]).causal
    with pytest.raises(UserError, match="attention is causal, but bert is no decoder"):
        agent_of(encoders["bert"], attention="causal")
    with pytest.raises(UserError, match="use pooling: last, or attention: bidirectional"):
        agent_of(encoders["llama"], pooling="cls")
    assert not agent_of(encoders["llama"], pooling="cls", attention="bidirectional").causal


def test_the_no_answer_logit_is_the_last_tokens_in_causal_attention(encoders):
    agent, given = agent_of(encoders["llama"], "evidence", attention="causal", similarity="none"), any_windows()
    with torch.no_grad():
        start_BT = agent(given).start_BT
        of_tokens_BT2 = agent.span_head(agent.encode(agent.encoder, given))
    last_B = given.mask_BT.sum(1) - 1
    torch.testing.assert_close(start_BT[:, 0], of_tokens_BT2[range(3), last_B, 0])
    torch.testing.assert_close(start_BT[0, 4:], of_tokens_BT2[0, 4:, 0])


def test_embeddings_are_below_the_layers(encoders):
    agent = agent_of(encoders["llama"], frozen_layers=1, reinitialised_layers=1)
    depths = depth_of_parameters(agent.encoder)
    assert depths["embed_tokens.weight"] == 0 and depths["norm.weight"] == 3
    assert {depths[name] for name, weight in agent.encoder.named_parameters() if not weight.requires_grad} == {0, 1}
