"""The refitted agents as models of MLflow, used where nothing of the project is."""

from __future__ import annotations

import json
import logging
import os
import pickletools
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from support.bare_python import bare_python
from support.finished_project import sessions_of, training
from support.project_copy import ROOT

import psy_agents
from psy_agents.agents.registry import AGENTS
from psy_agents.evaluation.predictions import SCHEMA
from psy_agents.tracking.inference_pipeline import load_predictor
from psy_agents.tracking.pyfunc_model import UNTIL_LOADED, closure, pinned

TEXTS = ["I have not slept for days, and I see no way on.", "Nothing to tell.", "All is grey. " * 60]
LOAD_ALL = """
import json, sys
import mlflow
import pandas as pd
texts, models = json.load(open("given.json"))
for agent, model in models.items():
    table = mlflow.pyfunc.load_model(model).predict(pd.DataFrame({"text": texts}))
    table.to_json(agent + ".json", orient="records", double_precision=15)
import psy_agents
json.dump([psy_agents.__file__, [path for path in sys.path if "site-packages" in path]], open("places.json", "w"))
"""


LOAD_COPY = """
import json, os, sys
os.environ["MLFLOW_TRACKING_URI"] = "sqlite:///own.db"
texts, forbidden = json.load(open("given.json"))
touched = []
def watch(event, args):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(args[0], str) and args[0].startswith(tuple(forbidden)):
        touched.append(args[0])
sys.addaudithook(watch)
import mlflow
import pandas as pd
mlflow.pyfunc.load_model("model").predict(pd.DataFrame({"text": texts})).to_json("predictions.json", orient="records", double_precision=15)
json.dump(touched, open("touched.json", "w"))
"""


def models(project: Path) -> dict[str, mlflow.entities.LoggedModel]:
    """Each logged model by its name; there must be one of each."""
    client = mlflow.MlflowClient(f"sqlite:///{project / 'mlruns' / 'mlflow.db'}")
    found = client.search_logged_models([experiment.experiment_id for experiment in client.search_experiments()])
    assert len({model.name for model in found}) == len(found)
    return {model.name: model for model in found}


def artifacts(project: Path, agent: str) -> Path:
    return Path(models(project)[agent].artifact_location.removeprefix("file://"))


def saved_model(project: Path, agent: str) -> Path:
    return max((project / f"data/test/06_models/refit/{agent}").glob("*/*"))


def expected(project: Path, agent: str, *, quotes: bool = False) -> list[dict]:
    predicted = psy_agents.load(saved_model(project, agent)).predict(TEXTS, quotes=quotes)
    return [
        {
            "post_id": str(row), "criterion": criterion, "probability": each.probability, "predicted": each.predicted,
            "spans": None if each.spans is None else [span._asdict() for span in each.spans],
        }
        for row, of_post in enumerate(predicted)
        for criterion, each in of_post.items()
    ]  # fmt: skip


def check_same(records: list[dict], rows: list[dict]) -> None:
    """Decisions, spans and ids are equal, numbers as far as another process computes them alike; no cell is NaN."""
    assert [list(record) for record in records] == [SCHEMA.names] * len(rows)
    for record, row in zip(records, rows, strict=True):
        spans = row["spans"] and [{**span, "score": pytest.approx(span["score"], abs=1e-4)} for span in row["spans"]]
        probability = None if row["probability"] is None else pytest.approx(row["probability"], abs=1e-6)
        assert record == {**row, "probability": probability, "spans": spans}


@pytest.fixture(scope="module")
def python(tmp_path_factory, finished) -> Path:
    return bare_python(tmp_path_factory.mktemp("bare") / "environment", artifacts(finished.folder, "share") / "constraints.txt")


@pytest.fixture
def elsewhere(tmp_path, finished, python):
    """Runs the bare Python in an empty folder, with nothing in its environment but the place of MLflow's database."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    database = f"sqlite:///{finished.folder / 'mlruns' / 'mlflow.db'}"

    def run(*args: str) -> subprocess.CompletedProcess:
        given = {"PATH": os.defpath, "HOME": str(tmp_path), "MLFLOW_TRACKING_URI": database}
        return subprocess.run([str(python), *args], cwd=folder, env=given, capture_output=True, text=True, timeout=600)

    run.folder = folder
    return run


def test_every_agents_model_loads_in_an_empty_folder_and_predicts_as_the_saved_agent_does(finished, elsewhere):
    assert elsewhere("-c", "import psy_agents").stderr.endswith("No module named 'psy_agents'\n")
    uris = {name: model.model_uri for name, model in models(finished.folder).items()}
    assert set(uris) == set(AGENTS)
    (elsewhere.folder / "given.json").write_text(json.dumps([TEXTS, uris]))
    ended = elsewhere("-c", LOAD_ALL)
    assert ended.returncode == 0, ended.stderr
    for agent in AGENTS:
        check_same(json.loads((elsewhere.folder / f"{agent}.json").read_text()), expected(finished.folder, agent))
    code, site = json.loads((elsewhere.folder / "places.json").read_text())
    assert Path(code).parts[-3:] == ("code", "psy_agents", "__init__.py") and ROOT / "src" not in Path(code).parents
    assert len(site) == 1


def test_a_copy_of_the_model_neither_names_the_project_nor_looks_into_it(finished, elsewhere):
    pickled = (artifacts(finished.folder, "share") / "python_model.pkl").read_bytes()
    words = [word for _, word, _ in pickletools.genops(pickled) if isinstance(word, str)]
    assert UNTIL_LOADED in words and not any(name in word for word in words for name in (finished.folder.parent.name, ROOT.name + os.sep))

    shutil.copytree(artifacts(finished.folder, "share"), elsewhere.folder / "model")
    (elsewhere.folder / "given.json").write_text(json.dumps([TEXTS, [str(finished.folder), str(ROOT)]]))
    ended = elsewhere("-c", LOAD_COPY)
    assert ended.returncode == 0, ended.stderr
    assert json.loads((elsewhere.folder / "touched.json").read_text()) == []
    check_same(json.loads((elsewhere.folder / "predictions.json").read_text()), expected(finished.folder, "share"))


def test_mlflow_models_predict_writes_the_predictions_and_nothing_else_to_the_standard_output(finished, elsewhere):
    split = {"columns": ["text", "post_id"], "data": [[text, f"p{row}"] for row, text in enumerate(TEXTS)]}
    params = {"device": "cpu", "quotes": True}
    (elsewhere.folder / "input.json").write_text(json.dumps({"dataframe_split": split, "params": params}))
    uri = models(finished.folder)["share"].model_uri
    ended = elsewhere("-m", "mlflow", "models", "predict", "-m", uri, "--env-manager", "local", "-i", "input.json")
    assert ended.returncode == 0, ended.stderr
    assert "NaN" not in ended.stdout
    rows = [{**row, "post_id": f"p{row['post_id']}"} for row in expected(finished.folder, "share", quotes=True)]
    check_same(json.loads(ended.stdout)["predictions"], rows)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_model_is_named_by_its_agent_and_has_a_signature_an_example_of_ours_and_pinned_requirements(finished, agent):
    model, folder = models(finished.folder)[agent], artifacts(finished.folder, agent)
    summary = max((finished.folder / f"data/test/07_model_output/refit/{agent}_{agent}-stage3-refit_summary.json").glob("*/*"))
    summary = json.loads(summary.read_text())
    assert model.status == "READY"
    assert (model.tags["agent"], model.tags["study"]) == (agent, summary["final_study"])
    assert model.params["learning_rate"] == str(summary["hyperparameters"]["learning_rate"])
    client = mlflow.MlflowClient(f"sqlite:///{finished.folder / 'mlruns' / 'mlflow.db'}")
    assert client.get_run(model.source_run_id).data.tags["pipelines"] == "full_hpo_all"

    signature = mlflow.models.Model.load(str(folder)).signature
    assert {each.name: (each.type.name, each.required) for each in signature.inputs} == {
        "text": ("string", True),
        "post_id": ("string", False),
    }
    assert signature.outputs.input_names() == SCHEMA.names
    assert [column.to_dict()["type"] for column in signature.outputs] == ["string", "string", "double", "boolean", "array"]
    span = signature.outputs.input_types()[-1].to_dict()["items"]
    assert {name: (each["type"], each["required"]) for name, each in span["properties"].items()} == {
        "start": ("long", True), "end": ("long", True), "score": ("double", True), "quote": ("string", False),
    }  # fmt: skip
    assert {each.name: (each.dtype.name, each.default) for each in signature.params} == {
        "device": ("string", "auto"),
        "quotes": ("boolean", False),
        "cuda_graphs": ("string", "auto"),
    }
    assert {each.name for each in signature.outputs if not each.required} == {
        "criteria": {"spans"},
        "evidence": {"probability"},
    }.get(agent, set())
    example = json.loads((folder / "input_example.json").read_text())["inputs"]
    texts = [dict(zip(example["columns"], row, strict=True))["text"] for row in example["data"]]
    posts = pd.read_csv(finished.folder / "data/01_raw/synthetic/posts.csv")["text"]
    assert texts and not any(text in post for text in texts for post in posts)
    *pins, constraints = (folder / "requirements.txt").read_text().split("\n")
    assert constraints == "-c constraints.txt" and all("==" in pin and "+" not in pin for pin in pins)
    assert not any("psy_agents" in pin or "psy-agents" in pin for pin in pins)
    assert set(pins) <= set((folder / "constraints.txt").read_text().split())
    for name in ("agent.json", "heads.safetensors", "tokenizer.json"):
        assert (folder / "artifacts" / "model" / name).read_bytes() == (saved_model(finished.folder, agent) / name).read_bytes()
    assert not list(folder.rglob("*.csv")) and not list(folder.rglob("*.parquet"))


@pytest.fixture
def tracked(finished, tmp_path, monkeypatch):
    """Sessions that refit ``share`` once more, in a copy of the finished project that continues its MLflow runs."""
    folder = tmp_path / "tracked"
    shutil.copytree(finished.folder, folder)
    with closing(sqlite3.connect(folder / "mlruns" / "mlflow.db")) as database, database:
        for table, column in (("experiments", "artifact_location"), ("logged_models", "artifact_location"), ("runs", "artifact_uri")):
            database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(finished.folder), str(folder)))
    new = sessions_of(folder, monkeypatch)

    def run(**refit) -> None:
        given = {"training": training(finished.encoder), "hpo": {"refit": refit}} if refit else {"training": training(finished.encoder)}
        new(env="test", agent="share", **given).run(pipeline_names=["refit"])

    run.folder, run.database = folder, folder / "mlruns" / "mlflow.db"
    yield run
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(None)


def runs_with(project: Path, model_id: str) -> set[str]:
    """The pipelines of the runs that show the model."""
    client = mlflow.MlflowClient(f"sqlite:///{project / 'mlruns' / 'mlflow.db'}")
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    return {run.data.tags["pipelines"] for run in runs if model_id in [each.model_id for each in run.outputs.model_outputs]}


def test_a_refit_in_which_nothing_is_new_links_the_model_and_a_lost_one_is_logged_again(tracked):
    before, paths = models(tracked.folder), list(sys.path)
    tracked()
    after = models(tracked.folder)
    assert {name: model.model_id for name, model in after.items()} == {name: model.model_id for name, model in before.items()}
    assert runs_with(tracked.folder, before["share"].model_id) == {"full_hpo_all", "refit"}

    shutil.rmtree(artifacts(tracked.folder, "share"))
    tracked(mlflow_model=False)
    assert models(tracked.folder)["share"].model_id == before["share"].model_id
    tracked()
    again = models(tracked.folder)["share"]
    assert again.model_id != before["share"].model_id and again.status == "READY"
    assert (artifacts(tracked.folder, "share") / "MLmodel").is_file()
    assert sys.path == paths and load_predictor.cache_info().currsize == 0


def test_an_ensemble_is_logged_with_the_single_winner_that_it_begins_with(tracked):
    single = models(tracked.folder)["share"]
    tracked(ensemble="top_k")
    client = mlflow.MlflowClient(f"sqlite:///{tracked.database}")
    found = [each for each in client.search_logged_models([single.experiment_id]) if each.name == "share"]
    (ensemble,) = (each for each in found if each.model_id != single.model_id)
    assert len(found) == 2 and "stage3-ensemble" in ensemble.tags["study"]
    predicted = mlflow.pyfunc.load_model(ensemble.artifact_location.removeprefix("file://")).predict(pd.DataFrame({"text": TEXTS}))
    check_same(json.loads(predicted.to_json(orient="records", double_precision=15)), expected(tracked.folder, "share"))


def test_a_model_whose_logging_was_interrupted_is_replaced(tracked):
    whole = models(tracked.folder)["share"]
    tracking = mlflow.MlflowClient(f"sqlite:///{tracked.database}")
    tracking.delete_logged_model(whole.model_id)
    torn = tracking.create_logged_model(whole.experiment_id, "share", whole.source_run_id, tags={"study": whole.tags["study"]})
    assert torn.status == "PENDING"
    tracked()
    assert models(tracked.folder)["share"].status == "READY"


def test_a_database_that_is_locked_while_the_refit_ends_costs_no_refit_and_the_model_is_logged_at_the_end(
    tracked, soon_given_up, monkeypatch, caplog
):
    before = models(tracked.folder)["share"].model_id
    mlflow.MlflowClient(f"sqlite:///{tracked.database}").delete_logged_model(before)
    versions = len(list((tracked.folder / "data/test/06_models/refit/share").iterdir()))
    search, tries = mlflow.MlflowClient.search_logged_models, []

    def locked(*args, **kwargs):
        tries.append(None)
        if len(tries) > 1:
            return search(*args, **kwargs)
        with closing(sqlite3.connect(tracked.database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            return search(*args, **kwargs)

    monkeypatch.setattr(mlflow.MlflowClient, "search_logged_models", locked)
    with caplog.at_level(logging.INFO, logger="psy_agents.app.hooks.models"):
        tracked()
    monkeypatch.undo()
    of_models = [record for record in caplog.records if record.name == "psy_agents.app.hooks.models" and record.levelno == logging.WARNING]
    assert [record.message for record in of_models] == [
        "MLflow failed (MlflowException): the model of share is saved but not logged; the next attempt is when the run ends"
    ]
    assert models(tracked.folder)["share"].status == "READY"
    assert len(list((tracked.folder / "data/test/06_models/refit/share").iterdir())) == versions + 1


def test_an_mlflow_that_stays_broken_is_reported_and_the_refit_is_saved(tracked, monkeypatch, caplog):
    monkeypatch.setattr(mlflow.MlflowClient, "search_logged_models", lambda *a, **k: 1 / 0)
    versions = len(list((tracked.folder / "data/test/06_models/refit/share").iterdir()))
    with caplog.at_level(logging.WARNING, logger="psy_agents.app.hooks.models"):
        tracked()
    assert caplog.messages[-1] == ("MLflow failed again (ZeroDivisionError): to log the model of share, run the pipeline refit again")
    assert len(list((tracked.folder / "data/test/06_models/refit/share").iterdir())) == versions + 1


def test_pins_are_the_installed_versions_and_the_closure_holds_what_they_need_in_turn():
    assert pinned(("torch",)) == ["torch==2.13.0"]
    found = closure(("kedro-mlflow",))
    assert {"kedro-mlflow", "kedro", "mlflow", "pandas", "packaging"} <= set(found) and "pytest" not in found
