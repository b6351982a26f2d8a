"""Zero-shot inference by a tiny random cross-encoder."""

import shutil

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification
from transformers.utils import logging as transformers_logging

from psy_agents.baselines.config import NliConfig
from psy_agents.baselines.predict import baseline_table
from psy_agents.baselines.systems import nli
from psy_agents.baselines.systems.nli import entailment
from psy_agents.errors import UserError

LABELS = {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}


@pytest.fixture(scope="module")
def classifier(encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nli")
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    tokenizer.save_pretrained(folder)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "initializer_range": 0.5}
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(tokenizer), id2label=LABELS, label2id={name: i for i, name in LABELS.items()}, **size)
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_it_is_the_models_probability_of_entailment_whatever_shares_its_batch(classifier):
    premises, hypotheses = ["I lie awake at night.", "grey", "The weather was wet. " * 5], ["My day is grey.", "I went out."]
    tokenizer, model = (each.from_pretrained(classifier) for each in (AutoTokenizer, AutoModelForSequenceClassification))
    found = entailment(premises, hypotheses, str(classifier))
    for row, premise in zip(found, premises, strict=True):
        for value, hypothesis in zip(row, hypotheses, strict=True):
            with torch.inference_mode():
                logits = model.eval()(**tokenizer(premise, hypothesis, return_tensors="pt")).logits[0]
            assert value == pytest.approx(logits.softmax(-1)[2].item(), abs=1e-5)
    assert np.ptp(found) > 0.01


def test_its_baselines_read_each_sentence_once_with_the_configured_hypothesis(corpus, setup_of, classifier, monkeypatch):
    seen, asked = [], set()

    def noted(premises, hypotheses, folder):
        seen.extend(premises)
        asked.update(hypotheses)
        return entailment(premises, hypotheses, folder)

    monkeypatch.setattr(nli, "entailment", noted)
    table = baseline_table(corpus, "validation", setup_of(nli={"model": str(classifier), "hypothesis": "They say: {criterion}"}))
    assert "macro_f1" in table["nli"] and "token_f1" in table["nli_sentence"]
    assert len(seen) == len(set(seen)) and asked == {f"They say: {wording}" for wording in corpus.criteria.values()}


def test_loading_shows_no_bar_and_leaves_transformers_as_it_was(classifier, capfd):
    assert transformers_logging.is_progress_bar_enabled(), "else nothing is shown below"
    entailment(["a"], ["b"], str(classifier))
    assert capfd.readouterr().err == "" and transformers_logging.is_progress_bar_enabled()


def test_what_is_no_nli_model_is_refused_and_without_one_it_is_left_out(corpus, setup_of, encoder, classifier, tmp_path):
    assert not {"nli", "nli_sentence"} & set(baseline_table(corpus, "validation", setup_of()))
    with pytest.raises(UserError, match="is no folder with a config.json"):
        entailment(["a"], ["b"], str(tmp_path))
    with pytest.raises(UserError, match="has no label 'entailment'"):
        entailment(["a"], ["b"], str(encoder))
    without_head = shutil.copytree(classifier, tmp_path / "without_head")
    weights = load_file(without_head / "model.safetensors")
    rest = {name: weight for name, weight in weights.items() if not name.startswith("classifier.")}
    save_file(rest, without_head / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks 2 of its weights \(first: classifier.bias\)"):
        entailment(["a"], ["b"], str(without_head))
    for wrong in ("no criterion", "{criterion} {other}", "{criterion} {criterion}"):
        with pytest.raises(ValidationError, match="must hold"):
            NliConfig(hypothesis=wrong)
