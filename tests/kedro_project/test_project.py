"""The Kedro project: pipelines, catalog, parameters and the errors a user sees."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kedro.framework.project import configure_project, pipelines
from kedro.framework.startup import bootstrap_project

from psy_agents.agents.names import AGENTS
from psy_agents.datasets import CheckedJSONDataset
from psy_agents.errors import UserError
from psy_agents.resolvers import env_int
from psy_agents.session import AgentSession

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def project(monkeypatch):
    monkeypatch.chdir(ROOT)
    bootstrap_project(ROOT)
    configure_project("psy_agents")


def kedro(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip


def session(**params):
    return AgentSession.create(project_path=ROOT, runtime_params=params)


def test_stage_0_has_a_node_for_every_agent_and_the_preprocessing():
    namespaces = [node.namespace for node in pipelines["hpo_stage0"].nodes]
    assert sorted(set(namespaces)) == sorted([*AGENTS, "preprocessing"])


def test_no_dataset_of_any_pipeline_falls_back_to_memory():
    catalog = session().load_context().catalog
    for pipeline in pipelines.values():
        for name in pipeline.datasets():
            if not name.startswith("params:"):
                assert name in catalog or catalog.config_resolver.match_dataset_pattern(name), name


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"agent": "evidnce"}, "no such agent"),
        ({"hpo": {"stage0": {"epoch": 2}}}, "did you mean 'epochs'"),
        ({"agnt": "evidence"}, "no such parameter"),
        ({"hpo": {"stage0": {"epochs": 0}}}, "epochs"),
        ({"hpo": {"stage0": {"epochs": "many"}}}, "epochs"),
        ({"training": {"precision": "float8"}}, "precision"),
    ],
)
def test_a_wrong_parameter_is_one_clear_sentence_before_anything_runs(params, says):
    with pytest.raises(UserError, match=says):
        session(**params).run(pipeline_names=["hpo_stage0"])


def test_agent_is_refused_where_a_pipeline_does_not_work_on_one():
    with pytest.raises(UserError, match="leave out --params agent"):
        session(agent="joint").run(pipeline_names=["preprocessing"])


@pytest.mark.parametrize("text", ["abc", "0", "-1", "1.5"])
def test_environment_numbers_are_checked(monkeypatch, text):
    monkeypatch.setenv("HPO_EPOCHS", text)
    with pytest.raises(UserError, match="HPO_EPOCHS"):
        env_int("HPO_EPOCHS", 3)


def test_the_environment_overrides_a_stage_and_params_beat_it(monkeypatch):
    monkeypatch.setenv("HPO_EPOCHS", "7")
    assert session().load_context().params["hpo"]["stage0"]["epochs"] == 7
    assert session(hpo={"stage0": {"epochs": 2}}).load_context().params["hpo"]["stage0"]["epochs"] == 2


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (("--params", "agent=evidnce"), {}, "no such agent"),
        (("--params", "agent=evidence,hpo.stage0.epoch=2"), {}, "did you mean 'epochs'"),
        (("--params", "agent=evidence"), {"HPO_EPOCHS": "abc"}, "HPO_EPOCHS"),
        (("--params", "agent=evidence"), {"KEDRO_ENV": "contract_nli"}, "is missing"),
    ],
)
def test_the_command_line_shows_one_line_and_fails(arguments, environment, says):
    done = kedro("run", "--pipelines", "hpo_stage0", *arguments, **environment)
    assert done.returncode == 1
    assert says in done.stderr and "Traceback" not in done.stderr + done.stdout
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")


def test_registry_and_catalog_commands_work():
    assert "hpo_stage0" in kedro("registry", "list").stdout
    described = kedro("catalog", "describe-datasets", "-p", "hpo_stage0")
    assert described.returncode == 0 and "hpo_stage0_topk" in described.stdout


def test_preprocessing_writes_pairs_whose_evidence_cuts_out_of_the_posts():
    import pandas as pd

    session().run(pipeline_names=["preprocessing"])
    posts = pd.read_parquet(ROOT / "data/02_intermediate/posts.parquet").set_index("post_id")["text"]
    pairs = pd.read_parquet(ROOT / "data/03_primary/pairs.parquet")
    splits = pd.read_parquet(ROOT / "data/05_model_input/splits.parquet")
    assert len(pairs) == len(posts) * 9 and set(splits["split"]) == {"train", "validation", "test"}
    for row in pairs[pairs["label"] == 1].itertuples():
        for start, end in zip(row.starts, row.ends, strict=True):
            assert posts[row.post_id][start:end].strip() == posts[row.post_id][start:end] != ""


def top_k(values):
    trials = [
        {"rank": i + 1, "trial": i, "value": v, "metrics": {}, "params": {"learning_rate": 1e-4}, "best_epoch": 1,
         "epochs_run": 1, "seconds": 1.0, "seed": 0, "checkpoint": None}
        for i, v in enumerate(values)
    ]  # fmt: skip
    return {"study": "s", "stage": "stage0", "label": "sanity", "agent": "evidence", "space_hash": "a", "data_hash": "b",
            "versions": {}, "n_trials": len(values), "states": {"complete": len(values)}, "trials": trials}  # fmt: skip


def test_the_top_k_dataset_checks_and_never_leaves_half_a_file(tmp_path):
    dataset = CheckedJSONDataset(filepath=str(tmp_path / "topk.json"), model="psy_agents.hpo.topk.TopK")
    dataset.save(top_k([0.5, 0.4]))
    assert dataset.load()["trials"][0]["value"] == 0.5
    with pytest.raises(Exception, match="sorted"):
        dataset.save(top_k([0.4, 0.5]))
    assert dataset.load()["trials"][0]["value"] == 0.5 and len(list(tmp_path.iterdir())) == 1
    (tmp_path / "topk.json").write_text(json.dumps(top_k([0.5]))[:-20])
    with pytest.raises(Exception, match="not whole JSON"):
        dataset.load()


def test_telemetry_is_off():
    assert "consent: false" in (ROOT / ".telemetry").read_text()
