"""The report has its files, and its numbers are those of the saved predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support
from support.finished_results import REPORT, TOP_KS, latest, loaded, table, top_k_path
from support.reporting.metric_names import raw_metric_names

from psy_agents.agents.registry import AGENTS
from psy_agents.baselines.systems.embedding import Embedding
from psy_agents.baselines.systems.tfidf import Tfidf
from psy_agents.errors import ProgramError
from psy_agents.evaluation.evidence import EvidenceScorer


def test_the_report_has_every_file_for_every_agent_and_no_agent_is_missing(finished):
    from psy_agents.reporting.outputs import AGENT_FIGURES, FIGURES, TABLES

    figures = [*FIGURES, *(f"{agent}_{name}" for agent in AGENTS for name in AGENT_FIGURES)]
    for file in ("tables.tex", "report.html", *(f"{name}.csv" for name in TABLES), *(f"figures/{name}.json" for name in figures)):
        assert latest(finished.folder, f"{REPORT}/{file}").stat().st_size > 0, file
    assert latest(finished.folder, f"{REPORT}/errors.csv").stat().st_mode & 0o077 == 0, "it holds counts of single errors"
    report = loaded(finished.folder, f"{REPORT}/report.json")
    assert report["missing"] == [] and report["resamples"] == 100
    assert [e["name"] for e in report["evaluations"] if e["kind"] == "agent"] == list(AGENTS)
    page = latest(finished.folder, f"{REPORT}/report.html").read_text(encoding="utf-8")
    assert all(agent in page for agent in AGENTS)
    assert raw_metric_names(page) == raw_metric_names(finished.ended.stdout + finished.ended.stderr) == set()


@pytest.mark.parametrize("agent", AGENTS)
def test_the_reports_numbers_are_those_of_the_saved_predictions(finished, agent):
    saved = pd.read_parquet(latest(finished.folder, f"data/test/07_model_output/refit/{agent}_test_predictions.parquet"))
    classes = table(finished.folder, "criteria").query("system == @agent")
    per_criterion = []
    for criterion, rows in saved.groupby("criterion"):
        if not rows["label"].any():
            continue
        scores = precision_recall_fscore_support(rows["label"], rows["predicted"], average="binary", zero_division=0)[:3]
        per_criterion.append(scores)
        shown = classes[classes["class"] == criterion].set_index("metric")["value"]
        assert shown[["precision", "recall", "f1"]].tolist() == pytest.approx(scores), criterion
    shown = classes[classes["part"] == "macro"].set_index("metric")["value"]
    assert shown[["precision", "recall", "f1"]].tolist() == pytest.approx(np.mean(per_criterion, axis=0))

    figures = table(finished.folder, "summary").query("system == @agent").set_index("metric")["value"]
    assert figures["macro_f1"] == shown["f1"]
    assert ("token_f1" in figures) == (agent != "criteria")
    if agent != "criteria":
        posts = pd.read_parquet(finished.folder / "data/test/02_intermediate/posts.parquet").set_index("post_id")["text"]
        spans = [
            [[(span["start"], span["end"]) for span in cell] for cell in saved[column]] for column in ("gold_spans", "spans")
        ]
        scorer = EvidenceScorer(posts[saved["post_id"]].tolist(), spans[0], saved["evidence_known"])
        assert figures["token_f1"] == pytest.approx(scorer.score(spans[1])["token_f1"])
    summary = loaded(finished.folder, f"data/test/07_model_output/refit/{agent}_{agent}-stage3-refit_summary.json")
    seeds = table(finished.folder, "seeds").query("agent == @agent")
    assert seeds["value"].tolist() == pytest.approx(summary["candidates"][summary["winner"] - 1]["values"])


@pytest.mark.parametrize("agent", AGENTS)
def test_what_calibration_and_thresholds_buy_can_be_computed_again_from_the_saved_predictions(finished, agent):
    saved = pd.read_parquet(latest(finished.folder, f"data/test/07_model_output/refit/{agent}_test_predictions.parquet"))
    summary = loaded(finished.folder, f"data/test/07_model_output/refit/{agent}_{agent}-stage3-refit_summary.json")
    gained = table(finished.folder, "gains").query("agent == @agent and criterion.isna()").set_index("metric")
    thresholds = table(finished.folder, "thresholds").query("agent == @agent").set_index("criterion")
    if agent == "evidence":
        assert gained.empty and thresholds.empty and (summary["temperature"], summary["thresholds"]) == (1.0, {})
        return
    assert set(gained.index) == {"ece", "brier", "macro_f1"}
    assert thresholds["temperature"].unique().tolist() == pytest.approx([summary["temperature"]])
    for side, column in (("without", "uncalibrated"), ("with", "probability")):
        assert gained.loc["brier", side] == pytest.approx(np.mean((saved[column] - saved["label"]) ** 2))
    for side, column in (("without", "pooled_threshold"), ("with", "threshold")):
        found = saved.assign(met=saved["probability"] >= saved[column]).groupby("criterion")
        f1 = [f1_score(rows["label"], rows["met"], zero_division=0) for _, rows in found if rows["label"].any()]
        assert gained.loc["macro_f1", side] == pytest.approx(np.mean(f1))
    assert thresholds["threshold"].to_dict() == pytest.approx(saved.groupby("criterion")["threshold"].first().to_dict())
    assert thresholds["own"].to_dict() == {name: positives >= 2 for name, positives in summary["validation_positives"].items()}


def test_an_ensemble_and_the_untuned_agent_are_reported_with_what_they_show(copied, resumed):
    resumed(agent="criteria", hpo={"refit": {"ensemble": "seeds", "resplit": False, "untuned": True}}).run(pipeline_names=["refit"])
    model = latest(copied, "data/test/06_models/refit/criteria")
    assert sorted(path.name for path in model.iterdir()) == ["ensemble.json", "hashes.json", "member_1", "member_2"]
    resumed().run(pipeline_names=["report"])
    (row,) = table(copied, "ensembles").to_dict("records")
    assert (row["agent"], row["ensemble"], row["members"], row["metric"]) == ("criteria", "seeds", 2, "macro_f1")
    assert row["low"] <= row["value"] <= row["high"] and row["parameters"] == 2 * row["parameters_single"]
    stages = table(copied, "stages").query("agent == 'criteria'").set_index("stage")
    assert "stage3 members" not in stages.index and stages.loc["stage3 final", "trials"] == 2, "the members are the final models"
    assert stages.loc["stage3 ensemble", "epochs"] == 0
    final = table(copied, "final_models").query("agent == 'criteria'").set_index("seed")["value"]
    assert list(final.index) == ["11", "23", "mean"] and final["mean"] == pytest.approx((final["11"] + final["23"]) / 2)
    summary = loaded(copied, "data/test/07_model_output/refit/criteria_criteria-stage3-refit_summary.json")
    shown = table(copied, "summary").query("system == 'criteria'").set_index("metric")["value"]
    assert row["value"] == pytest.approx(shown["macro_f1"] - summary["ensemble"]["single_test_metrics"]["macro_f1"])

    first = summary["untuned"]
    saved = pd.read_parquet(latest(copied, "data/test/07_model_output/refit/criteria_untuned_test_predictions.parquet"))
    found = saved.groupby("criterion").filter(lambda rows: rows["label"].any()).groupby("criterion")
    macro = np.mean([f1_score(rows["label"], rows["predicted"], zero_division=0) for _, rows in found])
    of_untuned = table(copied, "summary").query("system == 'untuned_criteria'").set_index("metric")["value"]
    assert of_untuned["macro_f1"] == pytest.approx(macro) == pytest.approx(first["test_value"])
    of_pair = "metric == 'macro_f1' and first == 'criteria' and second == 'untuned_criteria' and with_baseline"
    (compared,) = table(copied, "comparisons").query(of_pair).to_dict("records")
    assert compared["value"] == pytest.approx(shown["macro_f1"] - macro)


def test_the_leaderboard_shows_the_baselines_scores_that_the_search_stored_and_fits_none(copied, resumed, monkeypatch):
    def fit(*_):
        raise AssertionError("a baseline is fitted")

    files = [copied / "data/test" / name for name in ("07_model_output/baselines.json", "08_reporting/leaderboard.csv")]
    before = [file.read_text() for file in files]
    monkeypatch.setattr(Tfidf, "fit", fit)
    monkeypatch.setattr(Embedding, "fit", fit)
    resumed().run(pipeline_names=["leaderboard"])
    assert [file.read_text() for file in files] == before
    with pytest.raises(ProgramError, match="AssertionError"):
        resumed(baselines={"tfidf": {"c": [0.5]}}).run(pipeline_names=["leaderboard"])


def test_the_leaderboard_has_each_stage_of_each_agent_with_the_value_of_its_top_k_and_the_test_value_of_the_refit(finished):
    rows = pd.read_csv(finished.folder / "data/test/08_reporting/leaderboard.csv").set_index(["agent", "stage"])
    assert set(rows.index) == {(agent, stage) for agent in AGENTS for stage in TOP_KS}
    for agent in AGENTS:
        for stage in TOP_KS:
            top = loaded(finished.folder, top_k_path(agent, stage))
            assert rows.loc[(agent, stage), "validation"] == pytest.approx(top["trials"][0]["value"])
            assert rows.loc[(agent, stage), "trials"] == top["n_trials"]
        summary = loaded(finished.folder, f"data/test/07_model_output/refit/{agent}_{agent}-stage3-refit_summary.json")
        assert rows.loc[agent, "test"].dropna().to_dict() == {summary["from_stage"]: pytest.approx(summary["test_value"])}
