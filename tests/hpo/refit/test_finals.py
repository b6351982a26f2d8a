"""The final models of several seeds, the untuned agent, and their spread on test."""

import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from support.search.refits import paths_in, trials_of

from psy_agents.errors import UserError
from psy_agents.hpo.refit.objectives import MODEL, PREDICTIONS
from psy_agents.hpo.refit.run_refit import RefitSummary, run_refit
from psy_agents.hpo.refit.spread import spread_over_seeds
from psy_agents.hpo.study.store import read_studies

FIRST = {"learning_rate": 2e-3}


def again(refit, folder, first=None, **changes):
    """The same refit, continued in a copy with another configuration."""
    shutil.copytree(refit.folder, folder, dirs_exist_ok=True)
    given = {**refit.given, "paths": paths_in(folder), "config": refit.given["config"].model_copy(update=changes)}
    given["top"] = given["top"].model_copy(update={"first": first})
    output = run_refit(**given)
    return output, RefitSummary.model_validate(output.summary)


def test_the_first_seeds_model_is_handed_over_and_the_spread_is_that_of_all(refits, corpus):
    refit = refits.single("criteria")
    summary, trials = refit.summary, trials_of(refit.folder, refit.summary.final_study)
    assert [each.seed for each in summary.finals] == [11, 23]
    assert summary.test_value == summary.finals[0].test_value and refit.output.model.parent.name == "trial_0000"
    folders = [refit.folder / "models" / summary.final_study / f"trial_{trial.number:04d}" for trial in trials]
    assert all((folder / MODEL / "agent.json").is_file() for folder in folders)
    tables = [pd.read_parquet(folder / PREDICTIONS) for folder in folders]
    pd.testing.assert_frame_equal(tables[0], refit.output.predictions)
    (spread,) = summary.spread
    macro = [np.mean([f1_score(part["label"], part["predicted"]) for _, part in table.groupby("criterion")]) for table in tables]
    assert (spread.metric, spread.values) == ("macro_f1", pytest.approx(tuple(macro)))
    assert (spread.mean.value, spread.standard_deviation) == (pytest.approx(np.mean(macro)), pytest.approx(np.std(macro, ddof=1)))
    assert spread.mean.low <= spread.mean.value <= spread.mean.high


def test_more_final_models_are_trained_without_training_the_first_again_and_fewer_delete_none(refits, tmp_path):
    refit = refits.single("share")
    _, more = again(refit, tmp_path, final_models=2)
    assert more.final_study == refit.summary.final_study and len(trials_of(tmp_path, more.final_study)) == 2
    assert [each.seed for each in more.finals] == [11, 23] and more.finals[0] == refit.summary.finals[0]
    models = sorted((tmp_path / "models").rglob("agent.json"))
    given = {**refit.given, "paths": paths_in(tmp_path)}
    assert run_refit(**given).summary == refit.output.summary
    assert sorted((tmp_path / "models").rglob("agent.json")) == models


def test_the_untuned_agent_is_confirmed_trained_and_tested_like_the_winner(refits, tmp_path):
    refit = refits.single("criteria")
    output, summary = again(refit, tmp_path, FIRST, untuned=True)
    untuned = summary.untuned
    assert untuned.params == FIRST and not untuned.is_winner
    assert summary.model_copy(update={"untuned": None}) == refit.summary, "the winner is not trained again"
    confirming, (final,) = (trials_of(tmp_path, name) for name in (untuned.study, untuned.final_study))
    assert [trial.user_attrs["seed"] for trial in confirming] == [11, 23]
    assert (final.user_attrs["seed"], final.user_attrs["epochs"]["epoch"]) == (11, list(range(1, untuned.epochs + 1)))
    table = output.untuned
    assert table[["post_id", "criterion", "label"]].equals(output.predictions[["post_id", "criterion", "label"]])
    macro = np.mean([f1_score(part["label"], part["predicted"], zero_division=0) for _, part in table.groupby("criterion")])
    assert untuned.test_value == final.value == pytest.approx(macro)
    described = (tmp_path / "models" / untuned.final_study / "trial_0000" / MODEL / "agent.json").read_text()
    assert '"learning_rate": 0.002' in described


def test_where_the_search_found_nothing_better_the_winner_is_the_untuned_agent(refits, tmp_path, caplog):
    refit = refits.single("criteria")
    studies = [study.study_name for study in read_studies(refit.folder / "studies.db")]
    caplog.set_level("INFO")
    output, summary = again(refit, tmp_path, dict(refit.summary.params), untuned=True)
    assert summary.untuned.is_winner and summary.untuned.test_value == summary.test_value
    pd.testing.assert_frame_equal(output.untuned, output.predictions)
    assert "which is the winner: the search gained nothing" in caplog.text
    assert [study.study_name for study in read_studies(tmp_path / "studies.db")] == studies, "nothing is trained"


def test_a_list_without_the_first_trial_leaves_the_untuned_agent_out_with_a_warning(refits, tmp_path, caplog):
    caplog.set_level("INFO")
    output, summary = again(refits.single("criteria"), tmp_path, None, untuned=True)
    assert summary.untuned is None and output.untuned.empty
    assert "run hpo_stage2 again to have it" in caplog.text
    first, second = (each.test_value for each in summary.finals)
    assert f"criteria: macro-F1 {first:.4f} on test, with seed 11; the other final models: {second:.4f} with seed 23" in caplog.text
    winner = summary.candidates[summary.winner - 1]
    chosen = f"the best of 2 candidates by the mean macro-F1 over the held-out posts of 2 seeds: {winner.mean:.4f}"
    assert chosen in caplog.text and "too high on average because it chose" in caplog.text


def test_a_seed_whose_training_failed_is_left_out_and_the_first_is_needed(refits, tmp_path, monkeypatch):
    from psy_agents.hpo.refit import finals as module

    refit = refits.single("criteria")
    real = module.RefitRuns.run

    def failing(number):
        def run(self, label, *rest):
            study, requested, records = real(self, label, *rest)
            if label != "final":
                return study, requested, records
            broken = list(records)
            broken[number] = module.replace(records[number], state="failed", reason="out of memory")
            return study, requested, tuple(broken)

        return run

    monkeypatch.setattr(module.RefitRuns, "run", failing(1))
    _, summary = again(refit, tmp_path / "second")
    assert [each.seed for each in summary.finals] == [11] and len(summary.spread[0].values) == 1
    monkeypatch.setattr(module.RefitRuns, "run", failing(0))
    with pytest.raises(UserError, match="with seed 11 ended as failed"):
        again(refit, tmp_path / "first")


def test_the_interval_holds_the_chance_of_seeds_and_of_posts(refits, corpus):
    """One model: the interval over posts. Equal models: the same. Models that differ: wider."""
    good = refits.single("criteria").output.predictions
    bad = good.assign(predicted=~good["predicted"])
    given = corpus.posts.set_index("post_id")["text"].to_dict(), list(corpus.criteria)
    (mixed,), (equal,) = (spread_over_seeds(tables, *given) for tables in ([good, bad, good], [bad] * 3))
    (alone,) = spread_over_seeds([bad], *given)
    assert (equal.mean, equal.standard_deviation, alone.standard_deviation) == (alone.mean, 0.0, None)
    assert mixed.mean.value == pytest.approx(np.mean(mixed.values)) and mixed.standard_deviation > 0
    assert mixed.mean.low < mixed.mean.value < mixed.mean.high
    assert mixed.mean.high - mixed.mean.low > 0.9 * np.ptp(mixed.values), "three draws of three models are often all of one kind"
