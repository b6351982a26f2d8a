"""Words planted in a corpus stay in the folders that hold the corpus, whatever is run."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from kedro.framework.project import pipelines
from support import finished_project, tiny_agents
from support.planted_corpus import CANARIES, ID, LAYERS_OF_THE_CORPUS, places_of, plant
from support.project_copy import ROOT

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.decoding import SENTENCES, DecodingRule
from psy_agents.agents.encoders.tokenizer import load_tokenizer
from psy_agents.agents.registry import AGENTS, new_agent
from psy_agents.agents.saved.agent import Decisions, InferenceSettings, save_agent

QUOTE = "heliotropequote"
# What kedro viz may show, counts and figures: everything else holds texts, or ids of posts.
SHOWN = re.compile(
    r"corpus_account|data_quality(_\w+)?|baselines|\w+\.hpo_(stage\d|maximal)_(topk|history)"
    r"|\w+\.refit_(summary|model)|\w+\.cross_validation_(summary|report|table|page)|\w+\.export_model|report\.(results|page|latex|tables|figures)"
    r"|hpo_budget|leaderboard(_page)?"
)


def write_settings(project: Path, encoder: str) -> None:
    """A configuration environment in which a stage takes seconds."""
    folder = project / "conf" / "tiny"
    folder.mkdir()
    stage = {"n_trials": 2, "epochs": 1, "patience": 1, "workers": {"count": 1, "threads": 1}}
    fixed = {"encoder": encoder, "max_length": 40, "frozen_layers": 0}
    space = {"frozen_layers": {"type": "int", "low": 0, "high": 1}}
    large = {"max_length": {"type": "categorical", "choices": [40]}}
    first_trials = {"share": [{"learning_rate": 1e-4, "negative_ratio": 0.5}]}
    for name, content in {
        "preprocessing": {"preprocessing": {"columns": {"posts": {"group": "author"}, "annotations": {"annotator": "rater"}}}},
        "hpo": {"hpo": {"stage0": stage}},
        "training": {"training": {"precision": "float32", "fixed": fixed}},
        "search_space": {"search_space": {"small": space, "large": large, "first_trials": {"small": first_trials}}},
    }.items():
        (folder / f"parameters_{name}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")


def break_the_split(project: Path) -> None:
    """A mistake in the project's own code that quotes all that it has met, in a message, a cause and a note."""
    shutil.copytree(ROOT / "src", project / "src", dirs_exist_ok=True)
    file = project / "src" / "psy_agents" / "corpus" / "prepare.py"
    start = "    clusters = cluster_near_duplicates("
    broken = (
        "    try:\n"
        "        {}[posts['text'].iloc[1]]\n"
        "    except KeyError as missing:\n"
        "        error = ValueError(posts.to_csv())\n"
        "        error.add_note(posts.to_csv())\n"
        "        raise error from missing\n"
    )
    text = file.read_text(encoding="utf-8")
    assert text.count(start) == 1
    file.write_text(text.replace(start, broken + start), encoding="utf-8")


@pytest.fixture
def temporary():
    """A folder for temporary files; its path is short, as that of a socket in it must be."""
    with tempfile.TemporaryDirectory(prefix="psy") as folder:
        yield Path(folder)


def test_a_stage_and_a_broken_run_after_it_leave_no_text_no_id_and_no_salt_outside(project, kedro, tmp_path, temporary):
    write_settings(project, tiny_agents.build_encoder("bert", tmp_path / "encoder"))
    plant(project / "data" / "01_raw" / "synthetic")
    command = ("run", "--env", "tiny", "--pipelines", "hpo_stage0", "--params", "agent=share")

    ended = kedro(*command, TMPDIR=str(temporary))
    assert ended.returncode == 0, ended.stderr
    made = [path.name for path in project.rglob("*") if path.is_file()]
    for name in ("mlflow.db", "studies.db", "trial_0001.log", "model.safetensors", "share_history.json", "stats.json"):
        assert name in made, name
    assert list((project / "data").glob("07_model_output/**/share_share-stage0-sanity_topk.json"))

    break_the_split(project)
    broken = kedro("run", "--env", "tiny", TMPDIR=str(temporary))
    assert broken.returncode == 1
    line = broken.stderr.splitlines()[-1]
    assert line.startswith("Error: ValueError from KeyError at ") and "corpus/prepare.py:" in line and "PSY_AGENTS_SHOW_ERRORS=1" in line

    salt = (project / "conf" / "local" / "id_salt").read_text()
    assert len(salt) == 64
    account = (project / "data" / "03_primary" / "corpus_account.json").read_text()  # kedro viz shows it
    assert not any(word in account for word in (*CANARIES, salt))
    assert places_of((*CANARIES, salt), project) == [] == places_of((*CANARIES, salt), temporary)
    output = "".join([ended.stdout, ended.stderr, broken.stdout, broken.stderr]).lower()
    assert not any(word in output for word in (*CANARIES, salt))
    for folder in LAYERS_OF_THE_CORPUS:  # that the search would find them
        assert any(ID.encode() in path.read_bytes() for path in (project / "data" / folder).rglob("*.*")), folder


def test_the_whole_search_the_report_and_mlflow_hold_no_text_and_ids_stand_in_predictions_alone(finished):
    planted = (finished_project.POST, finished_project.EXPLANATION)
    assert places_of(planted, finished.folder) == []
    holders = places_of((finished_project.ID, "syn_0"), finished.folder)
    assert len(holders) == 12  # Of each agent: the dataset, and the files of its two final trainings.
    for place in holders:
        assert re.fullmatch(
            r"data/test/(07_model_output/refit/\w+_test_predictions\.parquet/[^/]+/\w+_test_predictions\.parquet"
            r"|06_models/hpo/\w+-stage3-final-\w+/trial_000[01]/test_predictions\.parquet)",
            place,
        ), place
    output = (finished.ended.stdout + finished.ended.stderr).lower()
    salt = (finished.folder / "conf" / "local" / "id_salt").read_text()
    assert not any(word in output for word in (*planted, finished_project.ID, "syn_0", salt))
    assert places_of((salt,), finished.folder) == []
    made = [path.name for path in finished.folder.rglob("*") if path.is_file()]
    for name in ("mlflow.db", "studies.db", "report.html", "report.json", "tables.tex", "errors.csv", "trial_0000.log"):
        assert name in made, name
    text = (finished.folder / "data/test/02_intermediate/posts.parquet").read_bytes()
    assert finished_project.POST.encode() in text and finished_project.ID.encode() in text


def test_files_of_texts_labels_predictions_and_what_trials_print_are_readable_by_their_owner_alone(finished):
    data = finished.folder / "data/test"
    files = [path for pattern in ("*.parquet", "errors.csv", "trial_*.log") for path in data.rglob(pattern) if path.is_file()]
    assert {path.suffix for path in files} == {".parquet", ".csv", ".log"} and len(files) > 10
    assert [path for path in files if path.stat().st_mode & 0o077] == []


def test_pages_of_evidence_hold_text_only_on_request_and_only_in_the_private_folder(
    finished, copied, monkeypatch, caplog
):
    new = finished_project.sessions_of(copied, monkeypatch)
    given = {"training": finished_project.training(finished.encoder)}
    words = (finished_project.POST, finished_project.EXPLANATION, finished_project.ID, "syn_0")
    before = places_of(words, copied)
    new(env="test", **given).run(pipeline_names=["evidence_page"])
    assert places_of(words, copied) == before
    pages = {path.name: path for path in (copied / "data/test/08_reporting/evidence_page").rglob("*.html") if path.is_file()}
    assert set(pages) == {"criteria.html", "evidence.html", "share.html", "joint.html"}
    assert not (copied / "data/test/private").exists()
    splits = pd.read_parquet(copied / "data/test/05_model_input/splits.parquet")
    n_posts = int((splits["split"] == "test").sum())
    for page in pages.values():
        assert f"All {n_posts} posts of the test split" in page.read_text(encoding="utf-8")

    new(env="test", evidence_page={"reveal_text": True}, **given).run(pipeline_names=["evidence_page"])
    found = set(places_of(words, copied)) - set(before)
    assert {re.sub("/[^/]+Z/", "/V/", place) for place in found} == {
        f"data/test/private/evidence_page/{agent}_with_text.html/V/{agent}_with_text.html" for agent in AGENTS
    }
    assert places_of(words[1:], copied) == places_of(words[1:], finished.folder), "explanations and ids stand on no page"
    assert not any(word in caplog.text for word in words)


def save_model_that_finds_every_sentence(folder: Path, encoder: str) -> None:
    """An untrained agent whose rule lets every sentence through as evidence."""
    model = new_agent("share", ModelConfig(encoder=encoder, max_length=40), Path(encoder))
    decisions = Decisions(0.5, DecodingRule(threshold=-1e9, unit=SENTENCES))
    save_agent(folder, model, "share", load_tokenizer(Path(encoder)), decisions, {"SLEEP": "Sleeps badly."}, {}, InferenceSettings())


def test_quotes_are_in_the_predictions_of_a_run_that_requests_them_and_nowhere_else(
    project, session, tmp_path, temporary, monkeypatch, capfd, caplog
):
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    models = project / "data/06_models/refit/share"
    save_model_that_finds_every_sentence(
        models / "2026-01-01T00.00.00.000Z" / "share", tiny_agents.build_encoder("bert", tmp_path / "encoder")
    )
    posts = [{"post_id": f"{ID}-{number}", "text": f"I barely slept {QUOTE} {number}."} for number in range(3)]
    (project / "data/01_raw/new.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts), encoding="utf-8")
    results = "data/07_model_output/predict/share/V/share"
    for quotes, holders in ((False, []), (True, [f"{results}/predictions.jsonl", f"{results}/predictions.parquet"])):
        session(agent="share", predict={"posts": "data/01_raw/new.jsonl", "quotes": quotes}).run(pipeline_names=["predict"])
        assert QUOTE not in "".join([*capfd.readouterr(), caplog.text]).lower()
        assert [re.sub("/[^/]+Z/", "/V/", place) for place in places_of((QUOTE,), project)] == holders
    assert places_of((QUOTE,), temporary) == []
    (file,) = (project / place for place in places_of((QUOTE,), project) if place.endswith(".jsonl"))
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [[span["quote"] for span in row["spans"]] for row in rows] == [[post["text"]] for post in posts]


def test_kedro_viz_previews_nothing_that_holds_texts_or_ids(session):
    from kedro_viz.models.flowchart.nodes import GraphNode

    catalog = session().load_context().catalog
    names = {name for pipeline in pipelines.values() for name in pipeline.datasets() if not name.startswith("params:")}
    nodes = {name: GraphNode.create_data_node(name, name, None, set(), catalog.get(name), None) for name in names}
    shown = {name for name, node in nodes.items() if node.is_preview_enabled()}
    assert {"posts_raw", "annotations_raw", "posts", "pairs", "sentences", "splits", "id_salt"} <= names - shown
    assert not [name for name in shown if not SHOWN.fullmatch(name)]
