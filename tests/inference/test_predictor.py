"""A saved agent at work: decisions, evidence and probabilities of any posts, whatever was asked before."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import logit
from support.small_search import CRITERIA, training_settings

import psy_agents
from psy_agents.agents.registry import AGENTS
from psy_agents.agents.saved.agent import Decisions, load_agent
from psy_agents.agents.saved.ensemble import save_ensemble
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import SCHEMA, Prediction
from psy_agents.inference.predictor import Predictor
from psy_agents.training.data import split_pairs, unlabelled_pairs
from psy_agents.training.trainer import TrainingData, TrainingRun


@pytest.fixture(scope="module")
def trained(corpus, encoder, tmp_path_factory):
    """Trains and saves an agent, once: the run and its folder."""
    made = {}

    def train(agent: str, unit: str = "post") -> tuple[TrainingRun, Path]:
        if (agent, unit) not in made:
            settings = training_settings(encoder, unit=unit)
            config = settings.hyperparameters({"learning_rate": 5e-3})
            run = TrainingRun(
                agent, config, settings, TrainingData(corpus, agent, settings), seed=1, epochs=3, patience=3, device="cpu"
            )
            list(run.epochs())
            folder = tmp_path_factory.mktemp("saved") / agent
            run.save(folder)
            made[agent, unit] = run, folder
        return made[agent, unit]

    return train


@pytest.mark.parametrize(("agent", "unit"), [*((agent, "post") for agent in AGENTS), ("criteria", "sentence")])
def test_a_loaded_agent_gives_the_answers_and_figures_of_its_training(trained, agent, unit):
    run, folder = trained(agent, unit)
    data, best, epoch = run.data.validation, run.best.left.answers, run.best.left.epoch
    found = Predictor(folder, device="cpu").predict_pairs(data)
    if best.probabilities_P is None:
        assert found.probabilities is None
    else:
        np.testing.assert_array_equal(found.probabilities, best.probabilities_P)
        np.testing.assert_array_equal(found.predicted, best.probabilities_P >= epoch.decisions.threshold)
    spans = None if found.spans is None else [[span.offsets for span in each] for each in found.spans]
    assert spans == (None if best.candidates is None else run.scorer.predicted_spans(best, epoch.decisions))
    value, metrics = run.scorer.score_predictions(found.probabilities, None if found.probabilities is None else found.predicted, spans)
    assert value == epoch.value
    assert metrics == pytest.approx({name: epoch.metrics[name] for name in metrics}, nan_ok=True)


TEXTS = ["I barely slept all week. Then home.", "", "Nothing of note " * 60 + "I have no energy left.", "🙂 I barely slept all week."]


@pytest.mark.parametrize("agent", AGENTS)
def test_any_texts_give_a_prediction_of_each_criterion(trained, agent):
    predictor = psy_agents.load(str(trained(agent)[1]))
    assert (predictor.name, predictor.criteria) == (agent, CRITERIA)
    predicted = predictor.predict(TEXTS, quotes=False)
    assert [list(each) for each in predicted] == [list(CRITERIA)] * len(TEXTS)
    for text, each in zip(TEXTS, predicted, strict=True):
        for prediction in each.values():
            assert type(prediction.predicted) is bool
            assert (prediction.probability is None) == (agent == "evidence")
            assert (prediction.spans is None) == (agent == "criteria")
            if prediction.probability is not None:
                assert 0 <= prediction.probability <= 1
                assert prediction.predicted == (prediction.probability >= predictor.decisions.threshold)
            for span in prediction.spans or []:
                assert 0 <= span.start < span.end <= len(text) and span.score >= predictor.decisions.rule.threshold
                assert span.quote is None
            if agent == "evidence":
                assert prediction.predicted == bool(prediction.spans)
    asked = predictor.predict(TEXTS)
    assert predictor.predict(TEXTS, quotes=False) == predicted, "asking changes nothing"
    assert predictor.predict([]) == []
    for text, plain, quoted in zip(TEXTS, predicted, asked, strict=True):
        for criterion, prediction in quoted.items():
            assert [span.quote for span in prediction.spans or []] == [text[span.start : span.end] for span in prediction.spans or []]
            spans = None if prediction.spans is None else [span._replace(quote=None) for span in prediction.spans]
            assert replace(prediction, spans=spans) == plain[criterion]


def test_a_data_frame_gives_a_data_frame(trained):
    predictor = Predictor(trained("share")[1], device="cpu")
    texts = [text for text in TEXTS if text]
    table = predictor.predict(pd.DataFrame({"post_id": ["a", "b", "c"], "text": texts}))
    assert list(table.columns) == SCHEMA.names
    assert table[["post_id", "criterion"]].values.tolist() == [[post, criterion] for post in "abc" for criterion in CRITERIA]
    wanted = [each for of_text in predictor.predict(texts) for each in of_text.values()]
    assert table["predicted"].tolist() == [each.predicted for each in wanted]
    assert table["spans"].tolist() == [[span._asdict() for span in each.spans] for each in wanted]


def test_what_is_no_list_of_texts_is_refused_in_a_sentence_that_quotes_nothing(trained):
    predictor = Predictor(trained("criteria")[1], device="cpu")
    with pytest.raises(UserError, match=r"^predict takes a list of texts, or a data frame: write \[text\] for a single text\.$"):
        predictor.predict("secret")
    with pytest.raises(UserError, match=r"^Text 1 \(from 0 on\) is a NoneType, not a string\.$"):
        predictor.predict(["secret", None])


def test_an_agent_says_what_it_is_and_what_it_was_trained_on(trained, corpus):
    run, folder = trained("joint")
    posts, today = len(corpus.members("train")), json.loads((folder / "agent.json").read_text())["training"]["date"]
    shown = f"<joint agent: {run.config.encoder}; criteria SLEEP, FATIGUE; trained on {posts} posts of tiny, {today}>"
    assert repr(Predictor(folder, device="cpu")) == shown
    save_ensemble(folder.parent / "ensemble", [folder, folder], Decisions(0.5))
    assert repr(psy_agents.load(folder.parent / "ensemble")) == shown.replace("agent: ", "agent: ensemble of 2, ")


def test_single_texts_give_the_same_up_to_rounding(trained):
    predictor = Predictor(trained("joint")[1], device="cpu")
    together = predictor.predict(TEXTS)
    for text, expected in zip(TEXTS, together, strict=True):
        (alone,) = predictor.predict([text])
        assert [p.probability for p in alone.values()] == pytest.approx([p.probability for p in expected.values()], abs=1e-5)


def test_a_fitted_agent_is_saved_as_it_is_with_the_decisions_it_is_given(corpus, encoder, tmp_path):
    settings = training_settings(encoder)
    config = settings.hyperparameters({"learning_rate": 5e-3})
    training_data = TrainingData(corpus, "criteria", settings, train=("train", "validation"), scored=None)
    assert training_data.validation is None
    assert len(training_data.train) == len(split_pairs(corpus, "train")) + len(split_pairs(corpus, "validation"))
    run = TrainingRun("criteria", config, settings, training_data, seed=1, epochs=3, patience=3, device="cpu")
    losses = list(run.fit(2))
    assert len(losses) == 2 and run.step == 2 * run.steps_per_epoch and not run.best.values
    given = Decisions(0.25, temperature=2.0, shift=-1.5, thresholds={"SLEEP": 0.75})
    run.save(tmp_path / "agent", given)
    loaded, _, decisions, described = load_agent(tmp_path / "agent")
    assert decisions == given and described["reading"] == {"unit": "post", "precision": "float32", "evaluation_tokens": 8192}
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in run.agent.state_dict().items())
    predictor = Predictor(tmp_path / "agent")
    (each,) = predictor.predict(["I barely slept all week."])
    for criterion, threshold in {"SLEEP": 0.75, "FATIGUE": 0.25}.items():
        assert each[criterion] == Prediction(each[criterion].probability, each[criterion].probability >= threshold, None)
    found = predictor.predict_pairs(unlabelled_pairs(CRITERIA, ["I barely slept all week."]))
    assert found.thresholds.tolist() == [0.75, 0.25]
    np.testing.assert_allclose(logit(found.uncalibrated) / 2 - 1.5, logit(found.probabilities))


def test_fit_trains_as_the_scored_epochs_do(corpus, encoder):
    settings = training_settings(encoder)
    config = settings.hyperparameters({"learning_rate": 5e-3})
    options = {"seed": 1, "epochs": 3, "patience": 3, "device": "cpu"}
    scored = TrainingRun("share", config, settings, TrainingData(corpus, "share", settings), **options)
    losses = [epoch.metrics["train_loss"] for epoch in scored.epochs()]
    fitted = TrainingRun("share", config, settings, TrainingData(corpus, "share", settings, scored=None), **options)
    assert list(fitted.fit(2)) == losses[:2], "the schedule is that of all epochs"


def test_a_folder_that_is_no_agent_is_refused(trained, tmp_path):
    with pytest.raises(UserError, match="not a saved agent"):
        psy_agents.load(tmp_path)
    (tmp_path / "agent.json").write_text('{"format": 1}')
    with pytest.raises(UserError, match="format 1, this version reads 4"):
        psy_agents.load(tmp_path)


def test_a_folder_whose_files_are_not_those_that_were_saved_is_refused_by_the_first_of_them(trained, tmp_path):
    folder = tmp_path / "agent"
    shutil.copytree(trained("joint")[1], folder)
    (folder / "notes.txt").write_text("A file more does no harm.")
    psy_agents.load(folder)
    hashes = (folder / "hashes.json").read_text()
    named = set(json.loads(hashes))
    assert {"agent.json", "heads.safetensors", "tokenizer.json", "criteria_encoder/model.safetensors"} <= named
    assert named == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"hashes.json", "notes.txt"}
    for name in sorted(named):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(UserError, match=f"its file {name} is not what was saved, its SHA-256 differs: copy the model again"):
            psy_agents.load(folder)
        (folder / name).unlink()
        with pytest.raises(UserError, match=f"lacks its file {name}: copy the model again"):
            psy_agents.load(folder)
        (folder / name).write_bytes(content)
    for broken in (hashes[:-9], "[]", hashes.replace("agent.json", "agenda.json")):
        (folder / "hashes.json").write_text(broken)
        with pytest.raises(UserError, match=r"hashes\.json, the list of its files, was altered|lacks its file agenda\.json"):
            psy_agents.load(folder)
    (folder / "hashes.json").unlink()
    with pytest.raises(UserError, match=r"lacks hashes\.json, the list of its files"):
        psy_agents.load(folder)
