"""Every pipeline to its end, in the test environment, on a tiny random encoder."""

from __future__ import annotations

import itertools
import json
import logging
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from kedro.framework.project import pipelines
from support.finished_project import POST, leave_out_tracking, training
from support.finished_results import REPORT, STORE, TOP_KS, latest, loaded, top_k_path, trials, versions

from psy_agents.agents.registry import AGENTS
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import offsets_of
from psy_agents.hpo.study.store import read_studies
from psy_agents.pipelines import preprocessing
from psy_agents.pipelines.tags import agent_of

STUDIES = {"stage0-sanity": 2, "stage1-coarse": 2, "stage2-fine": 2, "stage3-refit": 4, "stage3-final": 2}


def test_all_stages_refits_and_the_report_run_in_one_command_with_the_requested_trials(finished):
    assert finished.ended.returncode == 0, finished.ended.stderr
    found = {name.rpartition("-")[0]: count for name, count in trials(finished.folder).items()}
    assert found == {f"{agent}-{study}": count for agent in AGENTS for study, count in STUDIES.items()}
    assert len(trials(finished.folder)) == len(found)
    studies = read_studies(finished.folder / STORE)
    assert {t.state.name for study in studies for t in study.trials} == {"COMPLETE"}
    assert {tuple(study.metric_names) for study in studies} == {("macro-F1",), ("token-F1",), ("0.5 macro-F1 + 0.5 token-F1",)}
    boxes = re.findall(r"╭─ (.*?) ─", finished.ended.stdout)
    assert boxes == [f"{agent}, {stage}" for agent in AGENTS for stage in ("stage0", "stage1", "stage2", "refit")]


def test_an_agent_is_finished_before_the_next_one_begins(finished):
    times = {agent: [] for agent in AGENTS}
    for study in read_studies(finished.folder / STORE):
        times[study.study_name.partition("-")[0]] += [(t.datetime_start, t.datetime_complete) for t in study.trials]
    for before, then in itertools.pairwise(AGENTS):
        assert max(end for _, end in times[before]) <= min(start for start, _ in times[then])
    closing = finished.ended.stderr.splitlines()[-1]
    for agent in AGENTS:
        assert f"{agent} finished in 0:" in closing


@pytest.mark.parametrize("agent", AGENTS)
def test_each_stage_is_refined_from_the_one_before_and_the_last_one_is_refitted(finished, agent):
    tops = {stage: loaded(finished.folder, top_k_path(agent, stage)) for stage in TOP_KS}
    assert tops["stage0"]["refined_from"] is None
    assert tops["stage1"]["refined_from"]["study"] == tops["stage0"]["study"]
    assert tops["stage2"]["refined_from"]["study"] == tops["stage1"]["study"]
    assert tops["stage2"]["refined_from"]["observed"] == {tops["stage0"]["study"]: 2, tops["stage1"]["study"]: 2}
    summary = loaded(finished.folder, f"data/test/07_model_output/refit/{agent}_{agent}-stage3-refit_summary.json")
    assert summary["from_study"] == tops["stage2"]["study"]
    model = latest(finished.folder, f"data/test/06_models/refit/{agent}")
    assert json.loads((model / "agent.json").read_text(encoding="utf-8"))["training"]["corpus"] == "synthetic"
    assert list(model.glob("*encoder/model.safetensors"))
    assert not list(model.rglob("*.parquet"))


def test_an_agent_that_fails_stops_no_other_and_the_same_command_continues_without_training_anything_again(
    finished, copied, resumed
):
    before = trials(copied)
    history = copied / "data/test/08_reporting/hpo_stage1/evidence_history.json"
    shutil.rmtree(history)
    history.write_text("in the way")
    for path in (copied / "data/test/07_model_output/refit").glob("evidence_*"):
        shutil.rmtree(path)

    message = r"^1 of 4 agents failed \(evidence: .*NotADirectoryError.*finished: criteria, share, joint\."
    with pytest.raises(UserError, match=message):
        resumed().run(pipeline_names=["full_hpo_all"])
    assert loaded(copied, f"{REPORT}/report.json")["missing"] == ["evidence"]
    assert "evidence" in latest(copied, f"{REPORT}/report.html").read_text(encoding="utf-8")
    assert len(versions(copied, f"{REPORT}/report.json")) == 2
    assert trials(copied) == before

    history.unlink()
    resumed().run(pipeline_names=["full_hpo_all"])
    assert loaded(copied, f"{REPORT}/report.json")["missing"] == []
    assert trials(copied) == before


def test_a_changed_setting_begins_a_new_study_and_names_the_change_and_an_earlier_top_k_can_be_pinned(
    finished, copied, resumed, caplog
):
    before, path = trials(copied), top_k_path("criteria", "stage0")
    (first,) = versions(copied, path)
    study = loaded(copied, path)["study"]
    changed = training(finished.encoder)
    changed["fixed"]["encoder_dropout"] = 0.1
    with caplog.at_level(logging.INFO, logger="psy_agents"):
        # A third trial, a random one, gives this study another box than the first trials alone.
        resumed(agent="criteria", training=changed, hpo={"stage0": {"n_trials": 3}}).run(pipeline_names=["hpo_stage0"])
    other = loaded(copied, path)["study"]
    assert f"{other} starts a new study: changed since {study}: training.fixed.encoder_dropout" in caplog.messages
    assert trials(copied) == {**before, other: 3}

    later = top_k_path("criteria", "stage1")
    pinned = {"criteria.hpo_stage0_topk": first}
    resumed(agent="criteria").run(pipeline_names=["hpo_stage1"], load_versions=pinned)
    assert loaded(copied, later)["refined_from"]["study"] == study
    resumed(agent="criteria").run(pipeline_names=["hpo_stage1"])
    assert loaded(copied, later)["refined_from"]["study"] == other


def test_a_version_that_is_not_there_is_refused_before_anything_runs(copied, resumed):
    before = sorted(copied.rglob("data/**/*"))
    pinned = {"criteria.hpo_stage0_topk": "2020-01-01T00.00.00.000Z"}
    with pytest.raises(UserError, match=r"Version 2020-01-01T00\.00\.00\.000Z of criteria\.hpo_stage0_topk does not exist"):
        resumed(agent="criteria").run(pipeline_names=["hpo_stage1"], load_versions=pinned)
    assert sorted(copied.rglob("data/**/*")) == before


@pytest.mark.parametrize(("pipeline", "given"), [("report", {}), ("evidence_page", {"agent": "share"})])
def test_predictions_that_an_older_version_left_are_refused_in_one_sentence(copied, resumed, pipeline, given):
    file = latest(copied, "data/test/07_model_output/refit/share_test_predictions.parquet")
    table = pd.read_parquet(file)
    table = table.assign(
        predicted=table["predicted"].astype("int64"),
        **{f"{gold}{name}s": table[f"{gold}spans"].map(lambda spans, name=name: [span[name] for span in spans])
           for gold in ("gold_", "") for name in ("start", "end")},
        scores=table["spans"].map(lambda spans: [span["score"] for span in spans]),
    )  # fmt: skip
    table.drop(columns=["gold_spans", "spans"]).to_parquet(file, index=False)
    with pytest.raises(UserError, match=r"share_test_predictions\.parquet does not fit the schema of predictions, so another version"):
        resumed(**given).run(pipeline_names=[pipeline])


def predictions_of(project, agent):
    return pd.read_parquet(max((project / f"data/test/07_model_output/predict/{agent}").glob("*/*")) / "predictions.parquet")


@pytest.mark.parametrize("agent", AGENTS)
def test_the_test_posts_as_new_posts_get_the_predictions_of_the_refit(copied, resumed, agent):
    refitted = pd.read_parquet(latest(copied, f"data/test/07_model_output/refit/{agent}_test_predictions.parquet"))
    posts = pd.read_parquet(copied / "data/test/02_intermediate/posts.parquet")[["post_id", "text"]]
    posts[posts["post_id"].isin(refitted["post_id"])].to_json(copied / "new.jsonl", orient="records", lines=True)
    given = {"posts": "new.jsonl", "max_posts": None, "chunk_posts": 2}  # Several chunks.
    resumed(agent=agent, predict=given).run(pipeline_names=["predict"])
    found = predictions_of(copied, agent)
    assert found[["post_id", "criterion"]].values.tolist() == refitted[["post_id", "criterion"]].values.tolist()
    # The refit's worker may have had other threads, so that the last digits may differ here as well.
    np.testing.assert_allclose(found["probability"].astype(float), refitted["probability"].astype(float), atol=1e-5)
    assert found["predicted"].tolist() == refitted["predicted"].tolist()
    if agent != "criteria":
        assert offsets_of(found["spans"]) == offsets_of(refitted["spans"])
    results = copied / "data/test/07_model_output/predict"
    assert not [path for path in results.rglob("*") if path.is_file() and POST.encode() in path.read_bytes()]
    assert sorted(path.name for path in results.iterdir()) == [f".{agent}.lock", agent]


def test_the_model_is_chosen_by_its_version_and_the_message_for_a_missing_one_lists_those_there_are(copied, resumed):
    models = copied / "data/test/06_models/refit/joint"
    (first,) = versions(copied, "data/test/06_models/refit/joint")
    later = "2999-01-01T00.00.00.000Z"
    shutil.copytree(models / first, models / later)
    for pinned, used in (({}, later), ({"joint.refit_model": first}, first)):
        resumed(agent="joint").run(pipeline_names=["predict"], load_versions=pinned)
        folder = max((copied / "data/test/07_model_output/predict/joint").glob("*/*"))
        assert json.loads((folder / "manifest.json").read_text())["model"]["version"] == used
        assert len(pd.read_parquet(folder / "predictions.parquet")) == 30 * 9
    before = sorted(copied.rglob("data/**/*"))
    message = rf"Version 2020 of joint\.refit_model does not exist: .*refit/joint has 2, the latest is {later}\."
    with pytest.raises(UserError, match=message):
        resumed(agent="joint").run(pipeline_names=["predict"], load_versions={"joint.refit_model": "2020"})
    shutil.rmtree(models / later / "joint")
    shutil.copytree(max((copied / "data/test/06_models/refit/criteria").glob("*/*")), models / later / "joint")
    with pytest.raises(UserError, match="holds a model of criteria, but joint was requested"):
        resumed(agent="joint").run(pipeline_names=["predict"])
    assert {path for path in before if "06_models" not in path.parts} == {
        path for path in copied.rglob("data/**/*") if "06_models" not in path.parts
    }


def test_the_maximal_search_is_refitted_and_then_every_other_pipeline_runs_without_training(finished, copied, resumed):
    before = trials(copied)
    resumed().run(pipeline_names=["maximal_hpo_all"], namespaces=[preprocessing.NAMESPACE, "evidence"])
    new = {name.rpartition("-")[0]: count for name, count in trials(copied).items() if name not in before}
    assert new == {"evidence-max": 2, "evidence-stage3-refit": 4, "evidence-stage3-final": 2}
    top = loaded(copied, "data/test/07_model_output/maximal_hpo/evidence_evidence-max_topk.json")
    summary = loaded(copied, "data/test/07_model_output/refit/evidence_evidence-stage3-refit_summary.json")
    assert summary["from_study"] == top["study"] and top["refined_from"] is None

    after = trials(copied)
    rest = set(pipelines) - {"full_hpo_all", "maximal_hpo_all", "maximal_hpo", "cross_validation", "synthetic_corpus", "publish"}
    of_agents = {name for name in rest if any(agent_of(node) for node in pipelines[name].nodes)}
    assert {"export", "refit", "predict", "hpo_stage2"} <= of_agents and {"report", "baselines", "preprocessing"} <= rest - of_agents
    for name in sorted(rest):
        resumed(**({"agent": "joint"} if name in of_agents else {})).run(pipeline_names=[name])
    assert trials(copied) == after
    assert loaded(copied, f"{REPORT}/report.json")["missing"] == []
    assert (latest(copied, "data/test/06_models/export/joint") / "README.md").is_file()
    with pytest.raises(UserError, match=r"^Nothing was published: name the repository with --params publish\.repository=user/name"):
        resumed(agent="joint").run(pipeline_names=["publish"])
    with pytest.raises(UserError, match="uploads one agent at a time: say which with --params agent=NAME"):
        resumed().run(pipeline_names=["publish"])
    resumed().run(pipeline_names=["synthetic_corpus"])
    assert len(pd.read_csv(copied / "data/01_raw/synthetic/posts.csv")) > 30


def test_a_page_of_evidence_is_of_todays_corpus_or_refused(copied, resumed):
    with pytest.raises(UserError, match="The latest refit of share is of another corpus or other splits: run the pipeline refit again"):
        resumed(agent="share", preprocessing={"max_posts": 25}).run(pipeline_names=["evidence_page"])
    assert not list(copied.rglob("evidence_page/*.html"))


def test_a_stage_without_the_one_before_searches_the_whole_space_and_logs_it(project, session, untracked, tiny_encoder, caplog):
    with caplog.at_level(logging.INFO, logger="psy_agents"):
        session(env="test", agent="criteria", training=training(tiny_encoder)).run(pipeline_names=["hpo_stage1"])
    assert "criteria, stage1: no best trials of an earlier stage to build on: it searches the whole space alone" in caplog.messages
    assert list(trials(project).values()) == [2]
    assert loaded(project, top_k_path("criteria", "stage1"))["refined_from"] is None


def test_a_refit_or_a_report_without_what_it_needs_names_what_to_run(project, session, untracked, tiny_encoder):
    given = {"env": "test", "training": training(tiny_encoder)}
    with pytest.raises(UserError, match="no best trials of stage2 for criteria to refit: run hpo_stage2 first"):
        session(agent="criteria", **given).run(pipeline_names=["refit"])
    with pytest.raises(UserError, match="no best trials of maximal for criteria to refit: run maximal_hpo first"):
        session(agent="criteria", hpo={"refit": {"stage": "maximal"}}, **given).run(pipeline_names=["refit"])
    with pytest.raises(UserError, match="No agent has a refit on these data.*run the pipeline refit first"):
        session(**given).run(pipeline_names=["report"])
    with pytest.raises(UserError, match="There is no refit of joint, so there is nothing to show: run the pipeline refit first"):
        session(agent="joint", **given).run(pipeline_names=["evidence_page"])
    assert trials(project) == {}


def test_a_refit_of_a_stage_that_the_pipeline_does_not_run_is_refused_before_it_begins(project, session, tiny_encoder):
    given = {"env": "test", "training": training(tiny_encoder)}
    with pytest.raises(UserError, match=r"^hpo\.refit\.stage is maximal, which this pipeline does not run: use the pipeline refit"):
        session(hpo={"refit": {"stage": "maximal"}}, **given).run(pipeline_names=["full_hpo_all"])
    assert sorted(path.name for path in (project / "data").iterdir()) == ["01_raw"]


def test_leaving_out_tracking_names_every_pipeline_that_searches(project, session):
    leave_out_tracking(project)
    untracked = session()._get_config_loader()["mlflow"]["tracking"]["disable_tracking"]["pipelines"]
    assert set(untracked) == set(pipelines)
