"""A refit of each agent: confirmed over seeds, trained for good, tested once, and what its files let anyone recompute."""

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score
from support.search.dying_process import run_killed
from support.search.refits import CONFIG, PARAMS, Refit, Refits, as_rows, paths_in, posts_of_test, table_rows, trials_of
from support.small_search import CANARY, best_trials, files_with, training_settings

import psy_agents
from psy_agents.agents.registry import AGENTS
from psy_agents.agents.saved.agent import Decisions
from psy_agents.errors import UserError
from psy_agents.evaluation.calibration import MAX_TEMPERATURE, calibrate, fit_platt
from psy_agents.evaluation.evidence import evidence_metrics
from psy_agents.evaluation.predictions import offsets_of
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.decisions import held_out_by_seed, warn_of_flat_probabilities
from psy_agents.hpo.refit.objectives import ANSWERS, answers_file
from psy_agents.hpo.refit.run_refit import RefitSummary, run_refit
from psy_agents.hpo.study.records import ScoredOn, scored_on
from psy_agents.hpo.study.store import read_studies, read_study
from psy_agents.inference.config import PredictConfig
from psy_agents.inference.predict_file import predict_file
from psy_agents.training.data import PairData, split_pairs
from psy_agents.training.scoring import Answers, choose_decisions


@pytest.fixture(params=[*((agent, "post") for agent in AGENTS), ("criteria", "sentence")], ids="-".join)
def refit(request, refits: Refits) -> Refit:
    """Every agent's, and the criteria agent's that reads by sentence."""
    return refits.single(*request.param)


def is_resplit(refit: Refit) -> bool:
    return refit.given["config"].resplit


def test_every_candidate_is_trained_with_the_same_seeds_and_the_highest_mean_wins(refit):
    summary = refit.summary
    trials = trials_of(refit.folder, summary.study)
    assert [(t.params["candidate"], t.user_attrs["seed"]) for t in trials] == [(0, 11), (1, 11), (0, 23), (1, 23)]
    curves = np.array([t.user_attrs["epochs"]["value"] for t in trials]).reshape(2, 2, 3).transpose(1, 0, 2)  # Candidate, seed, epoch.
    padded = np.pad(curves, ((0, 0), (0, 0), (1, 1)), mode="edge")
    smooth = (padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]) / 3
    if is_resplit(refit):
        epochs = 1 + smooth.mean(axis=1).argmax(axis=1)
        values = np.stack([smooth[i, :, epochs[i] - 1] for i in range(2)])
    else:
        epochs = np.median([[t.user_attrs["best_epoch"] for t in trials if t.params["candidate"] == i] for i in range(2)], axis=1).round()
        values = smooth.max(axis=2)
    for i, candidate in enumerate(summary.candidates):
        assert candidate.values == pytest.approx(tuple(values[i])) and candidate.epochs == epochs[i]
        assert candidate.mean == pytest.approx(values[i].mean())
        assert candidate.standard_deviation == pytest.approx(np.std(values[i], ddof=1))
        assert candidate.best_epochs == tuple(t.user_attrs["best_epoch"] for t in trials if t.params["candidate"] == i)
    assert summary.winner == 1 + np.argmax(values.mean(axis=1)) and summary.epochs == epochs[summary.winner - 1]
    assert (summary.resplit, summary.folds) == (is_resplit(refit), 2 if is_resplit(refit) else None)


def test_the_winner_is_trained_for_the_chosen_epochs_once_with_each_final_seed(refit):
    summary = refit.summary
    final, *others = trials_of(refit.folder, summary.final_study)
    assert [trial.user_attrs["seed"] for trial in (final, *others)] == [11, 23][: refit.given["config"].final_models]
    assert [(each.seed, each.test_value) for each in summary.finals] == [(t.user_attrs["seed"], t.value) for t in (final, *others)]
    assert (final.params, final.user_attrs["seed"]) == ({"candidate": summary.winner - 1}, 11)
    assert final.user_attrs["epochs"]["epoch"] == list(range(1, summary.epochs + 1))
    assert final.value == summary.test_value
    studies = (read_study(refit.folder / "studies.db", name) for name in (summary.final_study, summary.study))
    assert [scored_on(study.user_attrs) for study in studies] == [ScoredOn.TEST, ScoredOn.HELD_OUT]
    described = json.loads((refit.output.model / "agent.json").read_text())
    assert described["hyperparameters"]["learning_rate"] == PARAMS[summary.winner - 1]["learning_rate"] == summary.params["learning_rate"]
    for name in ("temperature", "shift", "threshold", "thresholds", "decoding"):
        assert described[name] == getattr(summary, name)
    assert described["reading"]["unit"] == refit.given["settings"].unit


def test_calibration_thresholds_and_rule_are_those_of_all_seeds_answers_together(refit, corpus):
    summary = refit.summary
    folder = refit.folder / "models" / summary.study
    trials = [t for t in trials_of(refit.folder, summary.study) if t.params["candidate"] == summary.winner - 1]
    epochs = [summary.epochs if is_resplit(refit) else t.user_attrs["best_epoch"] for t in trials]
    folders = [folder / f"trial_{t.number:04d}" for t in trials]
    answers = [Answers.load(answers_file(*each)) for each in zip(folders, epochs, strict=True)]
    assert [len(list((each / ANSWERS).iterdir())) for each in folders] == [1, 1], "answers of other epochs are deleted"
    corpora, _ = held_out_by_seed(corpus, refit.given["config"])
    parts = [split_pairs(corpora[t.user_attrs["seed"]], "validation") for t in trials]
    data = PairData.concatenate(parts)
    lengths = json.loads((folders[0] / "span_lengths.json").read_text())
    together = Answers.concatenate(answers, [len(part) for part in parts])
    runs = 1 if is_resplit(refit) else 2
    weights = np.full(len(data), 1 / runs)
    chosen = choose_decisions(data, together, lengths, calibration="platt", min_support=4, weights_P=weights)
    assert summary.threshold == chosen.threshold and summary.decoding == vars(chosen.rule)
    counts = np.bincount(data.criterion, data.labels) // runs
    assert summary.validation_positives == dict(zip(corpus.criteria, counts.astype(int).tolist(), strict=True))
    if answers[0].probabilities_P is None:
        assert (summary.temperature, summary.shift, summary.thresholds) == (1.0, 0.0, {}), "nothing to choose from spans alone"
        return
    uncalibrated = np.concatenate([run.probabilities_P for run in answers])
    labels, criterion = data.labels, data.criterion
    assert (summary.temperature, summary.shift) == fit_platt(labels, uncalibrated, weights)
    probabilities = calibrate(uncalibrated, summary.temperature, summary.shift)
    rows = [criterion == c for c in range(2)]
    f1 = [[f1_score(labels[of], probabilities[of] >= cut, zero_division=0) for cut in np.unique(probabilities)] for of in rows]
    pooled = [f1_score(labels[of], probabilities[of] >= summary.threshold) for of in rows]
    assert np.mean(pooled) == pytest.approx(np.mean(f1, axis=0).max())
    assert set(summary.thresholds) == {c for c, positives in summary.validation_positives.items() if positives >= 4} != set()
    for name, threshold in summary.thresholds.items():
        own = list(corpus.criteria).index(name)
        assert f1_score(labels[rows[own]], probabilities[rows[own]] >= threshold) == pytest.approx(max(f1[own]))


def test_the_loaded_agent_predicts_the_tested_predictions_to_the_last_bit(refit, corpus):
    ids, texts = posts_of_test(corpus)
    table = refit.output.predictions
    assert table[["post_id", "criterion"]].values.tolist() == [[post, c] for post in ids for c in corpus.criteria]
    assert as_rows(psy_agents.load(refit.output.model).predict(texts, quotes=False)) == table_rows(table)


def test_predicting_a_file_of_the_test_posts_gives_the_tested_predictions_to_the_last_bit(refit, corpus, tmp_path):
    ids, texts = posts_of_test(corpus)
    pd.DataFrame({"id": ids, "words": texts}).to_csv(tmp_path / "new.csv", index=False)
    columns = {"post_id": "id", "text": "words"}
    settings = PredictConfig(project=tmp_path, posts=Path("new.csv"), work=tmp_path / "out", columns=columns)
    found = pd.read_parquet(predict_file(refit.given["agent"], refit.output.model, settings) / "predictions.parquet")
    assert found[["post_id", "criterion"]].values.tolist() == [[post, c] for post in ids for c in corpus.criteria]
    assert table_rows(found) == table_rows(refit.output.predictions)


LOADED_ELSEWHERE = """
import pickle, sys, torch
torch.set_num_threads(2)
import psy_agents
texts = pickle.load(sys.stdin.buffer)
predicted = [psy_agents.load(folder).predict(texts) for folder in sys.argv[1:]]
rows = [[(p.probability, p.predicted, p.spans) for post in each for p in post.values()] for each in predicted]
sys.stdout.buffer.write(pickle.dumps(rows))
"""


def test_another_process_with_other_threads_predicts_the_same(refits, corpus):
    made = [refits.single(agent) for agent in AGENTS]
    found = subprocess.run(
        [sys.executable, "-c", LOADED_ELSEWHERE, *(str(each.output.model) for each in made)],
        input=pickle.dumps(posts_of_test(corpus)[1]), capture_output=True, check=True,
    )  # fmt: skip
    for predicted, each in zip(pickle.loads(found.stdout), made, strict=True):
        for (ours, met, spans), (theirs, their_met, their_spans) in zip(predicted, table_rows(each.output.predictions), strict=True):
            assert ours == pytest.approx(theirs, abs=1e-6) and met == their_met
            if spans is None:
                assert their_spans is None
            else:
                assert np.allclose([span[:3] for span in spans], [span[:3] for span in their_spans], atol=1e-4)


def test_the_figures_of_the_summary_are_those_of_the_predictions(refit, corpus):
    summary, table = refit.summary, refit.output.predictions
    texts = table["post_id"].map(corpus.posts.set_index("post_id")["text"]).tolist()
    objectives = []
    if refit.given["agent"] != "evidence":
        of = [part for _, part in table.groupby("criterion")]
        macro = np.mean([f1_score(part["label"], part["predicted"], zero_division=0) for part in of])
        assert summary.test_metrics["macro_f1"] == pytest.approx(macro)
        auprc = np.mean([average_precision_score(part["label"], part["probability"]) for part in of])
        assert summary.test_metrics["macro_auprc"] == pytest.approx(auprc)
        own = table["criterion"].map(summary.thresholds).fillna(summary.threshold)
        assert (table["predicted"] == (table["probability"] >= own)).all() and (table["threshold"] == own).all()
        assert (table["pooled_threshold"] == summary.threshold).all()
        expected = calibrate(table["uncalibrated"].to_numpy(), summary.temperature, summary.shift)
        np.testing.assert_array_equal(table["probability"], expected)
        assert summary.test_metrics["brier"] == pytest.approx(np.mean((table["probability"] - table["label"]) ** 2))
        objectives.append(macro)
    if refit.given["agent"] != "criteria":
        gold, found = offsets_of(table["gold_spans"]), offsets_of(table["spans"])
        evidence = evidence_metrics(texts, gold, found)
        assert {name: summary.test_metrics[name] for name in evidence} == pytest.approx(evidence, nan_ok=True)
        objectives.append(evidence["token_f1"])
    assert summary.test_value == pytest.approx(np.mean(objectives))


def test_calibration_and_thresholds_by_criterion_can_be_switched_off(refits, tmp_path):
    refit = refits.single("criteria")
    shutil.copytree(refit.folder, tmp_path, dirs_exist_ok=True)
    config = refit.given["config"].model_copy(update={"calibration": "none", "min_support": None})
    output = run_refit(**{**refit.given, "config": config, "paths": paths_in(tmp_path)})
    summary = RefitSummary.model_validate(output.summary)
    assert (summary.temperature, summary.shift, summary.thresholds) == (1.0, 0.0, {})
    assert summary.study == refit.summary.study, "the same runs confirm it"
    table = output.predictions
    assert (table["uncalibrated"] == table["probability"]).all() and (table["threshold"] == summary.threshold).all()
    np.testing.assert_allclose(table["uncalibrated"], refit.output.predictions["uncalibrated"])  # The same training.


def test_a_temperature_at_its_bound_is_reported_with_its_remedy(caplog):
    for decisions in (Decisions(temperature=19.0), Decisions(temperature=MAX_TEMPERATURE, shift=-1.0)):
        warn_of_flat_probabilities("share", decisions)
    assert not caplog.messages
    warn_of_flat_probabilities("share", Decisions(temperature=MAX_TEMPERATURE))
    (message,) = caplog.messages
    assert message.startswith("share: its temperature is 20") and "hpo.refit.calibration=platt" in message


def test_no_text_leaves_the_corpus(refit):
    assert refit.folder.is_dir() and files_with(refit.folder, CANARY) == []
    assert files_with(refit.folder, "We walked to the market") == []


def written(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_running_it_again_trains_nothing(refit):
    before = written(refit.folder / "models"), written(refit.folder / "logs")
    trials = [len(study.trials) for study in read_studies(refit.folder / "studies.db")]
    again = run_refit(**refit.given)
    assert again.summary == refit.output.summary and again.model == refit.output.model
    pd.testing.assert_frame_equal(again.predictions, refit.output.predictions)
    assert (written(refit.folder / "models"), written(refit.folder / "logs")) == before
    assert [len(study.trials) for study in read_studies(refit.folder / "studies.db")] == trials == [4, refit.given["config"].final_models]


def test_deleted_answers_are_made_again_in_another_study(refits, tmp_path, caplog):
    refit = refits.single("criteria")
    shutil.copytree(refit.folder, tmp_path, dirs_exist_ok=True)
    (lost,), first = (tmp_path / "models" / refit.summary.study / "trial_0001" / ANSWERS).iterdir(), refit.summary
    lost.unlink()
    given = {**refit.given, "paths": paths_in(tmp_path)}
    second = RefitSummary.model_validate(run_refit(**given).summary)
    assert "were deleted from" in caplog.text and not lost.exists()
    assert second.study != first.study and second.final_study != first.final_study
    assert second.candidates == first.candidates and second.test_metrics == first.test_metrics
    trials = {study.study_name: len(study.trials) for study in read_studies(tmp_path / "studies.db")}
    assert trials == {first.study: 4, first.final_study: 2, second.study: 4, second.final_study: 2}
    assert run_refit(**given).summary == second.model_dump(mode="json")
    assert trials == {study.study_name: len(study.trials) for study in read_studies(tmp_path / "studies.db")}


def complete(folder: Path) -> int:
    store = folder / "studies.db"
    found = [study for study in read_studies(store) if "-refit-" in study.study_name] if store.is_file() else []
    return sum(trial.state is optuna.trial.TrialState.COMPLETE for study in found for trial in study.trials)


def test_a_killed_refit_continues_and_ends_with_the_requested_runs(refits, tmp_path):
    whole = refits.single("share")
    given = {**whole.given, "paths": paths_in(tmp_path)}
    run_killed(run_refit, given, tmp_path, 2)
    assert complete(tmp_path) == 2
    output = run_refit(**given)
    trials = trials_of(tmp_path, output.summary["study"])
    states = [trial.state.name for trial in trials]
    assert states.count("COMPLETE") == 4 and states.count("FAIL") <= 1
    assert sorted(t.user_attrs["index"] for t in trials if t.state.name == "COMPLETE") == [0, 1, 2, 3]
    assert len(trials_of(tmp_path, output.summary["final_study"])) == 1
    assert output.summary == whole.output.summary
    pd.testing.assert_frame_equal(output.predictions, whole.output.predictions)


def test_what_does_not_fit_is_refused_before_a_study_is_made(corpus, encoder, tmp_path):
    settings = training_settings(encoder)
    top = best_trials("criteria", corpus, settings, *PARAMS)

    def refused(top, config=CONFIG, agent="criteria"):
        with pytest.raises(UserError) as refusal:
            run_refit(agent, corpus, config, settings, top, paths_in(tmp_path))
        assert not list(tmp_path.iterdir()) and ". " not in str(refusal.value)
        return str(refusal.value)

    assert "no best trials of stage2 for criteria to refit: run hpo_stage2 first" in refused(None)
    maximal = RefitConfig(stage="maximal")
    assert "run maximal_hpo first" in refused(None, maximal)
    assert "another corpus or other splits: run hpo_stage2 again" in refused(top.model_copy(update={"data_hash": "other"}))
    assert "other settings (training): run maximal_hpo again" in refused(top.model_copy(update={"settings_hash": "other"}), maximal)
    with pytest.raises(UserError, match=r"^The best trials of \w+ for share are those of criteria: run hpo_"):
        run_refit("share", corpus, CONFIG, settings, top, paths_in(tmp_path))
