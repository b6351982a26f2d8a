"""Sentence embeddings of a frozen encoder, and the baselines on them."""

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from psy_agents.baselines.predict import baseline_table
from psy_agents.baselines.systems import embedding
from psy_agents.baselines.systems.embedding import embed
from psy_agents.errors import UserError

TEXTS = ["I lie awake at night.", "grey", "The weather was wet and I went out. " * 3]
NAMES = {"embedding_logistic": "macro_f1", "embedding_sentence": "token_f1", "embedding_logistic_sentence": "token_f1"}


def test_an_embedding_is_the_mean_of_token_states_of_length_one_whatever_shares_its_batch(encoder):
    tokenizer, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder).eval()
    found = embed(TEXTS, str(encoder))
    for text, vector in zip(TEXTS, found, strict=True):
        with torch.inference_mode():
            mean = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0).double().numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_its_baselines_stand_beside_the_others_and_each_text_is_embedded_once(corpus, setup_of, monkeypatch):
    embedded = []
    monkeypatch.setattr(embedding, "embed", lambda texts, encoder: embedded.extend(texts) or embed(texts, encoder))
    table = baseline_table(corpus, "test", setup_of(embedding={"c": [1.0, 100.0]}))
    assert {name: metric for name, metric in NAMES.items() if metric in table[name]} == NAMES
    assert len(embedded) == len(set(embedded))
    # The words of a criterion's sentences differ from all others, which even random states tell.
    assert table["embedding_logistic"]["macro_f1"] > 0.8
    assert table["embedding_logistic_sentence"]["token_f1"] > 0.5


def test_they_can_be_switched_off_and_an_encoder_of_their_own_must_exist(corpus, setup_of):
    assert not set(NAMES) & set(baseline_table(corpus, "validation", setup_of(embedding={"use": False})))
    with pytest.raises(UserError, match="Encoder 'no/such' was not found"):
        baseline_table(corpus, "validation", setup_of(embedding={"encoder": "no/such"}))
