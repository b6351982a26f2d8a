"""A refit whose model is an ensemble: its members, their common answer and decisions, what it gains, and what its files let
anyone recompute."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from support.search.dying_process import run_killed
from support.search.refits import CONFIG, PARAMS, Refit, Refits, as_rows, paths_in, posts_of_test, table_rows, trials_of
from support.small_search import CANARY, best_trials, files_with, training_settings

import psy_agents
from psy_agents.agents.saved.agent import load_agent
from psy_agents.agents.saved.checksums import CHECKSUMS, write_checksums
from psy_agents.agents.saved.ensemble import ENSEMBLE, read_ensemble
from psy_agents.errors import UserError
from psy_agents.evaluation.calibration import calibrate
from psy_agents.evaluation.significance import compare
from psy_agents.hpo.estimate import best_pace
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.decisions import held_out_by_seed
from psy_agents.hpo.refit.objectives import ANSWERS, MODEL, PREDICTIONS
from psy_agents.hpo.refit.run_refit import RefitSummary, run_refit
from psy_agents.hpo.study.store import read_studies
from psy_agents.inference.predictor import Predictor, average
from psy_agents.training.data import PairData, split_pairs, unlabelled_pairs
from psy_agents.training.scoring import Answers, choose_decisions

KINDS = [("share", "top_k"), ("criteria", "seeds"), ("evidence", "top_k")]


@pytest.fixture(params=KINDS, ids="-".join)
def ensemble(request, refits: Refits) -> Refit:
    return refits.ensemble(*request.param)


def test_members_are_the_winner_and_its_seeds_or_the_next_candidates_each_trained_once(ensemble):
    folder, given, output, summary = ensemble.folder, ensemble.given, ensemble.output, ensemble.summary
    made, kind = summary.ensemble, given["config"].ensemble
    ranks = [summary.winner] * 2 if kind == "seeds" else [summary.winner, 3 - summary.winner]
    assert (made.kind, [member.rank for member in made.members]) == (kind, ranks)
    assert [member.seed for member in made.members] == ([11, 23] if kind == "seeds" else [11, 11])
    finals, members = (trials_of(folder, name) for name in (summary.final_study, made.members_study))
    assert (made.members_study == summary.final_study) == (kind == "seeds"), "members of seeds are the final models"
    single, other = finals[0], members[-1]
    assert [(t.params["candidate"] + 1, t.user_attrs["seed"], len(t.user_attrs["epochs"]["epoch"])) for t in (single, other)] == [
        (member.rank, member.seed, member.epochs) for member in made.members
    ]
    epochs = {candidate.rank: candidate.epochs for candidate in summary.candidates}
    assert [member.epochs for member in made.members] == [epochs[rank] for rank in ranks]
    members, _ = read_ensemble(output.model)
    for member, trial, study in zip(members, (single, other), (summary.final_study, made.members_study), strict=True):
        trained = folder / "models" / study / f"trial_{trial.number:04d}" / MODEL
        assert {f.relative_to(member): f.read_bytes() for f in member.rglob("*") if f.is_file()} == {
            f.relative_to(trained): f.read_bytes() for f in trained.rglob("*") if f.is_file()
        }
        assert member.joinpath("agent.json").samefile(trained / "agent.json"), "a link takes no room"


def test_the_loaded_ensemble_predicts_the_tested_predictions_to_the_last_bit(ensemble, corpus):
    output = ensemble.output
    ids, texts = posts_of_test(corpus)
    table = output.predictions
    assert table[["post_id", "criterion"]].values.tolist() == [[post, c] for post in ids for c in corpus.criteria]
    assert as_rows(psy_agents.load(output.model).predict(texts, quotes=False)) == table_rows(table)


def test_its_probability_is_the_calibrated_mean_of_the_members_calibrated_ones(refits, corpus):
    output = refits.ensemble("share", "top_k").output
    data = unlabelled_pairs(corpus.criteria, posts_of_test(corpus)[1])
    members, decisions = read_ensemble(output.model)
    alone = [Predictor(member).predict_pairs(data) for member in members]
    assert not np.allclose(alone[0].probabilities, alone[1].probabilities)
    expected = calibrate(np.mean([each.probabilities for each in alone], axis=0), decisions.temperature, decisions.shift)
    np.testing.assert_allclose(output.predictions["probability"], expected, rtol=1e-12)
    np.testing.assert_allclose(output.predictions["uncalibrated"], np.mean([each.uncalibrated for each in alone], axis=0))


def test_its_decisions_suit_the_members_common_answers_to_held_out_pairs(ensemble, corpus):
    folder, output, summary = ensemble.folder, ensemble.output, ensemble.summary
    kind = ensemble.given["config"].ensemble
    trials = {(t.params["candidate"] + 1, t.user_attrs["seed"]): t.number for t in trials_of(folder, summary.study)}
    confirmed = folder / "models" / summary.study
    answers = {}
    for key, number in trials.items():
        (file,) = (confirmed / f"trial_{number:04d}" / ANSWERS).iterdir()
        answers[key] = Answers.load(file)
    own = [load_agent(member)[2] for member in read_ensemble(output.model)[0]]
    ranks = [member.rank for member in summary.ensemble.members]
    groups = [[(ranks[0], 11), (ranks[1], 23)]] if kind == "seeds" else [[(rank, seed) for rank in ranks] for seed in (11, 23)]
    together = [average([answers[key] for key in group], own) for group in groups]
    lengths = json.loads((confirmed / f"trial_{trials[groups[0][0]]:04d}" / "span_lengths.json").read_text())
    corpora, _ = held_out_by_seed(corpus, ensemble.given["config"])
    parts = [split_pairs(corpora[group[0][1]], "validation") for group in groups]
    sizes = [len(part) for part in parts]
    chosen = choose_decisions(
        PairData.concatenate(parts), Answers.concatenate(together, sizes), lengths, calibration="platt", min_support=4
    )
    assert read_ensemble(output.model)[1] == chosen
    assert (summary.temperature, summary.threshold, summary.thresholds) == (chosen.temperature, chosen.threshold, chosen.thresholds)
    assert summary.decoding == vars(chosen.rule)


def test_the_gain_is_the_paired_difference_to_the_winner_alone_and_the_cost_is_that_of_the_members(ensemble, corpus):
    folder, given, output, summary = ensemble.folder, ensemble.given, ensemble.output, ensemble.summary
    made = summary.ensemble
    single, *_ = trials_of(folder, summary.final_study)
    alone = folder / "models" / summary.final_study / f"trial_{single.number:04d}"
    texts = corpus.posts.set_index("post_id")["text"].to_dict()
    predictions = {"ensemble": output.predictions, "single": pd.read_parquet(alone / PREDICTIONS)}
    assert made.gain == compare(predictions, texts, list(corpus.criteria))
    metrics = {"share": ["macro_f1", "token_f1"], "criteria": ["macro_f1"], "evidence": ["token_f1"]}
    assert [each.metric for each in made.gain] == metrics[given["agent"]]
    for each in made.gain:
        gained = summary.test_metrics[each.metric] - made.single_test_metrics[each.metric]
        assert each.difference.value == pytest.approx(gained)
    assert made.single_test_value == single.value
    assert (made.single_cost.members, made.cost.members) == (1, 2)
    assert made.cost.parameters == 2 * made.single_cost.parameters
    assert made.single_cost.parameters == sum(v.numel() for v in load_agent(alone / MODEL)[0].state_dict().values())
    assert made.cost.train_seconds > made.single_cost.train_seconds > 0 < made.single_cost.test_seconds
    assert 1.9 < made.cost.disk_bytes / made.single_cost.disk_bytes < 2.1
    newest = best_pace(read_studies(folder / "studies.db"), given["agent"], summary.data_hash, summary.settings_hash)
    assert newest.study == made.members_study, "putting members together does not tell what an epoch takes"


def test_without_an_ensemble_the_same_winner_is_handed_over_and_nothing_is_trained(refits):
    ensemble = refits.ensemble("criteria", "seeds")
    folder, given, summary = ensemble.folder, ensemble.given, ensemble.summary
    before = [len(study.trials) for study in read_studies(folder / "studies.db")]
    single = run_refit(**{**given, "config": given["config"].model_copy(update={"ensemble": "none"})})
    found = RefitSummary.model_validate(single.summary)
    assert [len(study.trials) for study in read_studies(folder / "studies.db")] == before == [4, 2, 1]
    assert found.ensemble is None and found.final_study == summary.final_study
    assert (found.test_value, found.test_metrics) == (summary.ensemble.single_test_value, summary.ensemble.single_test_metrics)
    assert not (single.model / ENSEMBLE).exists() and single.model.parent.name == "trial_0000"


def test_running_it_again_trains_nothing(ensemble):
    folder, given, output = ensemble.folder, ensemble.given, ensemble.output
    before = {path: path.stat().st_mtime_ns for path in (folder / "models").rglob("*") if path.is_file()}
    again = run_refit(**given)
    assert again.summary == output.summary and again.model == output.model
    pd.testing.assert_frame_equal(again.predictions, output.predictions)
    assert {path: path.stat().st_mtime_ns for path in (folder / "models").rglob("*") if path.is_file()} == before
    assert files_with(folder, CANARY) == []


def test_a_model_that_is_moved_elsewhere_still_answers(refits, corpus, tmp_path):
    output = refits.ensemble("criteria", "seeds").output
    shutil.copytree(output.model, tmp_path / "moved")
    assert as_rows(psy_agents.load(tmp_path / "moved").predict(posts_of_test(corpus)[1], quotes=False)) == table_rows(output.predictions)


def test_an_ensemble_killed_between_its_members_continues(refits, tmp_path):
    whole = refits.ensemble("criteria", "seeds")
    given = {**whole.given, "paths": paths_in(tmp_path)}
    # 4 confirm the candidates, 2 are the final models, which are the members; the next puts them together.
    run_killed(run_refit, given, tmp_path, 6)
    store = tmp_path / "studies.db"
    assert any("-final-" in study.study_name for study in read_studies(store))
    output = run_refit(**given)
    found, expected = RefitSummary.model_validate(output.summary), whole.summary
    assert (found.test_metrics, found.temperature, found.thresholds) == (expected.test_metrics, expected.temperature, expected.thresholds)
    pd.testing.assert_frame_equal(output.predictions, whole.output.predictions)
    complete = [sum(t.state.name == "COMPLETE" for t in study.trials) for study in read_studies(store)]
    assert complete == [4, 2, 1]


def test_members_of_two_kinds_are_refused(refits, tmp_path):
    shutil.copytree(refits.ensemble("criteria", "seeds").output.model, tmp_path / "mixed")
    shutil.rmtree(tmp_path / "mixed" / "member_2")
    shutil.copytree(read_ensemble(refits.ensemble("share", "top_k").output.model)[0][0], tmp_path / "mixed" / "member_2")
    listed = [ENSEMBLE, *(f"member_{number}/{CHECKSUMS}" for number in (1, 2))]
    with pytest.raises(UserError, match="its SHA-256 differs|lacks its file"):
        psy_agents.load(tmp_path / "mixed")
    write_checksums(tmp_path / "mixed", listed)
    with pytest.raises(UserError, match="agents of different kinds or criteria"):
        psy_agents.load(tmp_path / "mixed")
    described = json.loads((tmp_path / "mixed" / ENSEMBLE).read_text())
    (tmp_path / "mixed" / ENSEMBLE).write_text(json.dumps({**described, "format": 0}))
    write_checksums(tmp_path / "mixed", listed)
    with pytest.raises(UserError, match="was saved in format 0, this version reads 1"):
        psy_agents.load(tmp_path / "mixed")


def test_an_ensemble_of_one_is_refused(corpus, encoder, tmp_path):
    for wrong, message in [
        ({"ensemble": "seeds"}, "common pairs, which resplits lack: set resplit to false"),
        ({"ensemble": "seeds", "resplit": False, "n_seeds": 1}, "raise n_seeds or final_models"),
        ({"ensemble": "seeds", "resplit": False, "final_models": 1}, "raise n_seeds or final_models"),
        ({"n_seeds": 2, "final_models": 3}, "final_models is 3, but there are 2 seeds"),
        ({"ensemble": "top_k", "halving": "4-2-1"}, "raise the last number of halving"),
        ({"ensemble": "top_k", "candidates": 1}, "raise candidates"),
        ({"ensemble": "seeds", "resplit": False, "n_seeds": 2, "ensemble_size": 3}, "needs more than 2"),
        ({"ensemble": "all"}, "ensemble"),
        ({"ensemble_size": 1}, "ensemble_size"),
    ]:
        with pytest.raises(ValidationError, match=message):
            RefitConfig(**wrong)
    settings = training_settings(encoder)
    given = {
        "agent": "criteria", "corpus": corpus, "config": CONFIG.model_copy(update={"ensemble": "top_k"}), "settings": settings,
        "top": best_trials("criteria", corpus, settings, PARAMS[0]), "paths": paths_in(tmp_path),
    }  # fmt: skip
    with pytest.raises(UserError, match="An ensemble of top_k needs two members, but only 1 of criteria"):
        run_refit(**given)


def test_how_many_are_trained_for_good():
    """The winner with each seed, the untuned agent, and the other candidates of an ensemble."""
    assert RefitConfig().final_trainings == 5 + 1 and RefitConfig().untuned_runs == 5
    alone = {"untuned": False, "final_models": 1}
    assert RefitConfig(**alone).final_trainings == 1 and RefitConfig(**alone).untuned_runs == 0
    assert RefitConfig(ensemble="seeds", resplit=False, untuned=False).final_trainings == 5
    assert RefitConfig(ensemble="seeds", resplit=False, n_seeds=3, untuned=False).final_trainings == 3
    assert RefitConfig(ensemble="top_k", halving="8-4-2", **alone).final_trainings == 2
    assert RefitConfig(ensemble="top_k", candidates=4, **alone).final_trainings == 4
    assert RefitConfig(ensemble="top_k", ensemble_size=3, untuned=False).final_trainings == 5 + 2
