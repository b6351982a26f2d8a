"""Words planted in a corpus stay in the folders that hold the corpus, whatever is run, refused or broken."""

from __future__ import annotations

import csv
import gzip
import json
import re
import tempfile
import traceback
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.runner import SequentialRunner
from support import finished_project, tiny_agents
from support.fuzzed.corpus import plain_corpus
from support.fuzzed.draft import ID_MARK, TEXT_MARK

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.decoding import SENTENCES, DecodingRule
from psy_agents.agents.encoders.loading import load_tokenizer
from psy_agents.agents.registry import AGENTS, new_agent
from psy_agents.agents.saved.agent import Decisions, InferenceSettings, save_agent
from psy_agents.errors import ProgramError, UserError

POST, SENTENCE, EXPLANATION, ID, QUOTE = "zanzibarpost", "quetzalsentence", "obsidianreason", "wombatid", "heliotropequote"
CANARIES = (POST, SENTENCE, EXPLANATION, ID)
LAYERS_OF_THE_CORPUS = ("01_raw", "02_intermediate", "03_primary", "05_model_input")
FOLDERS_OF_THE_CORPUS = tuple(f"{data}/{layer}/" for data in ("data", "data/test") for layer in LAYERS_OF_THE_CORPUS)
# What kedro viz may show, counts and figures: everything else holds texts, or ids of posts.
SHOWN = re.compile(
    r"corpus_account|data_quality(_\w+)?|baselines|\w+\.hpo_(stage\d|maximal)_(topk|history)"
    r"|\w+\.refit_(summary|model)|\w+\.export_model|(\w+\.)?report(_\w+)?|hpo_budget"
)


def plant(folder: Path) -> None:
    """A corpus of forty posts whose texts, annotated sentences, explanations and ids each hold a word of their own."""
    posts, rows = [["post_id", "text"]], [["post_id", "sentence_id", "sentence_text", "DSM5_symptom", "status", "explanation"]]
    signs = {"SLEEP": f"I barely slept, {SENTENCE}", "FATIGUE": f"No energy, {SENTENCE}"}
    for number in range(40):
        met = [criterion for bit, criterion in enumerate(signs) if number >> bit & 1]
        sentences = [f"{signs[criterion]} {number}." for criterion in met]
        post_id = f"{ID}-{number}"
        posts.append([post_id, " ".join([f"Market day {POST} {number * 7919}.", *sentences, f"Then home in week {number}."])])
        for order, (criterion, sentence) in enumerate(zip(met, sentences, strict=True)):
            rows.append([post_id, str(order), sentence, criterion, "1", f"Because {EXPLANATION}."])
    for name, table in (("posts.csv", posts), ("annotations.csv", rows)):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(table)
    criteria = {"SLEEP": "Sleeps badly.", "FATIGUE": "Has no energy."}
    (folder / "criteria.json").write_text(json.dumps(criteria), encoding="utf-8")


def places_of(words: tuple[str, ...], folder: Path) -> list[str]:
    """Files of a project outside the corpus's folders whose name or content, packed or not, holds one of the words."""
    spelt = [word.encode(encoding) for word in words for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.startswith((*FOLDERS_OF_THE_CORPUS, "conf/local/")):
            continue
        parts = [name.encode(), path.read_bytes(), *_unpacked(path)]
        if any(word in part.lower() for part in parts for word in spelt):
            found.append(name)
    return found


def _unpacked(path: Path) -> list[bytes]:
    if path.suffix == ".parquet":
        return [pq.read_table(path).to_pandas().to_csv().encode()]
    if path.suffix == ".gz":
        return [gzip.decompress(path.read_bytes())]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            return [packed.read(name) for name in packed.namelist()]
    return []


def saved(project: Path) -> dict[str, bytes]:
    """Content of each file below data but the raw ones; a folder alone is no output."""
    files = (path for path in (project / "data").rglob("*") if path.is_file())
    return {path.as_posix(): path.read_bytes() for path in files if "01_raw" not in path.parts}


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
        "hpo": {"hpo": {"stage0": stage}},
        "training": {"training": {"precision": "float32", "fixed": fixed}},
        "search_space": {"search_space": {"small": space, "large": large, "first_trials": first_trials}},
    }.items():
        (folder / f"parameters_{name}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")


def break_the_split(project: Path) -> None:
    """A mistake in the program that quotes all that it has met, in a message, a cause and a note."""
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
    broken = kedro(*command, TMPDIR=str(temporary))
    assert broken.returncode == 1
    line = broken.stderr.splitlines()[-1]
    assert line.startswith("Error: ValueError from KeyError at ") and "corpus/prepare.py:" in line and "PSY_AGENTS_SHOW_ERRORS=1" in line

    salt = (project / "conf" / "local" / "id_salt").read_text()
    assert len(salt) == 64
    account = (project / "data" / "03_primary" / "corpus_account.json").read_text()  # kedro viz shows it
    assert not any(word in account for word in (*CANARIES, salt))
    assert places_of((*CANARIES, salt), project) == [] == places_of((*CANARIES, salt), temporary)
    told = "".join([ended.stdout, ended.stderr, broken.stdout, broken.stderr]).lower()
    assert not any(word in told for word in (*CANARIES, salt))
    for folder in LAYERS_OF_THE_CORPUS:  # that the search would find them
        assert any(ID.encode() in path.read_bytes() for path in (project / "data" / folder).rglob("*.*")), folder


def test_the_whole_search_the_report_and_mlflow_hold_no_text_and_ids_stand_in_predictions_alone(finished):
    planted = (finished_project.POST, finished_project.EXPLANATION)
    assert places_of(planted, finished.folder) == []
    holders = places_of((finished_project.ID, "syn_0"), finished.folder)
    assert len(holders) == 8  # Of each agent: the dataset, and the file of the final training that it comes from.
    for place in holders:
        assert re.fullmatch(
            r"data/test/(07_model_output/refit/\w+_test_predictions\.parquet/[^/]+/\w+_test_predictions\.parquet"
            r"|06_models/hpo/\w+-stage3-final-\w+/trial_0000/test_predictions\.parquet)",
            place,
        ), place
    told = (finished.ended.stdout + finished.ended.stderr).lower()
    salt = (finished.folder / "conf" / "local" / "id_salt").read_text()
    assert not any(word in told for word in (*planted, finished_project.ID, "syn_0", salt))
    assert places_of((salt,), finished.folder) == []
    made = [path.name for path in finished.folder.rglob("*") if path.is_file()]
    for name in ("mlflow.db", "studies.db", "report.html", "report.json", "tables.tex", "errors.csv", "trial_0000.log"):
        assert name in made, name
    text = (finished.folder / "data/test/02_intermediate/posts.parquet").read_bytes()
    assert finished_project.POST.encode() in text and finished_project.ID.encode() in text


def test_pages_of_evidence_hold_no_text_unless_it_is_asked_for_and_then_in_the_private_folder_alone(
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


def test_quotes_are_in_the_predictions_of_a_run_that_asks_for_them_and_nowhere_else(project, kedro, tmp_path, temporary):
    models = project / "data/06_models/refit/share"
    save_model_that_finds_every_sentence(
        models / "2026-01-01T00.00.00.000Z" / "share", tiny_agents.build_encoder("bert", tmp_path / "encoder")
    )
    posts = [{"post_id": f"{ID}-{number}", "text": f"I barely slept {QUOTE} {number}."} for number in range(3)]
    (project / "data/01_raw/new.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts), encoding="utf-8")
    results = "data/07_model_output/predict/share/V/share"
    for quotes, holders in (("false", []), ("true", [f"{results}/predictions.jsonl", f"{results}/predictions.parquet"])):
        given = f"agent=share,predict.posts=data/01_raw/new.jsonl,predict.quotes={quotes}"
        ended = kedro("run", "--pipelines", "predict", "--params", given, TMPDIR=str(temporary))
        assert ended.returncode == 0, ended.stderr
        assert QUOTE not in (ended.stdout + ended.stderr).lower()
        assert [re.sub("/[^/]+Z/", "/V/", place) for place in places_of((QUOTE,), project)] == holders
    assert places_of((QUOTE,), temporary) == []
    (file,) = (project / place for place in places_of((QUOTE,), project) if place.endswith(".jsonl"))
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [[span["quote"] for span in row["spans"]] for row in rows] == [[post["text"]] for post in posts]


class Quoting:
    """Ways in which a node or a dataset fails and quotes a post; each stands in for ``prepare_corpus``."""

    @staticmethod
    def error(posts, *_):
        raise ValueError(posts["text"].iloc[0])

    @staticmethod
    def chain(posts, *_):
        try:
            raise KeyError(posts["text"].iloc[0])
        except KeyError as error:
            raise RuntimeError(posts.to_csv()) from error

    @staticmethod
    def disk(posts, *_):
        raise OSError(28, posts["text"].iloc[0], posts["post_id"].iloc[0])

    @staticmethod
    def pandas(posts, *_):
        return posts["text"].astype(int)


@pytest.mark.parametrize(
    ("quoting", "told"),
    [
        (Quoting.error, "ValueError at "),
        (Quoting.chain, "RuntimeError from KeyError at "),
        (Quoting.disk, "OSError (No space left on device) at "),
        (Quoting.pandas, "ValueError at "),
    ],
)
def test_an_unexpected_error_tells_its_type_and_place_only(session, project, monkeypatch, caplog, capfd, quoting, told):
    plant(project / "data" / "01_raw" / "synthetic")
    monkeypatch.setattr("psy_agents.pipelines.preprocessing.nodes.prepare_corpus", quoting)
    with pytest.raises(ProgramError) as caught:
        session().run(runner=SequentialRunner())  # as the command line does: kedro-viz records no other run
    assert str(caught.value).startswith(told) and "preprocessing/nodes.py:" in str(caught.value)
    captured = capfd.readouterr()
    shown = "".join([*traceback.format_exception(caught.value), captured.out, captured.err])
    assert not any(word in shown for word in CANARIES)
    assert places_of(CANARIES, project) == [] and saved(project) == {}


def test_a_file_that_cannot_be_written_is_named_without_the_cell_at_fault(session, project, monkeypatch):
    from psy_agents.pipelines.preprocessing import nodes

    plant(project / "data" / "01_raw" / "synthetic")
    split = nodes.split_corpus

    def mixed(posts, pairs, settings):
        splits = split(posts, pairs, settings)
        return splits.assign(split=pd.Series([1, *posts["text"][1:]], dtype=object))

    monkeypatch.setattr(nodes, "split_corpus", mixed)
    with pytest.raises(UserError, match=r"splits\.parquet cannot be written \(Arrow\w+\)") as caught:
        session().run()
    assert not any(word in "".join(traceback.format_exception(caught.value)) for word in CANARIES)
    assert places_of(CANARIES, project) == []


def test_whoever_asks_for_it_sees_an_unexpected_error_whole(session, project, monkeypatch):
    plant(project / "data" / "01_raw" / "synthetic")
    monkeypatch.setattr("psy_agents.pipelines.preprocessing.nodes.prepare_corpus", Quoting.error)
    monkeypatch.setenv("PSY_AGENTS_SHOW_ERRORS", "1")
    with pytest.raises(ValueError, match=POST):
        session().run(runner=SequentialRunner())
    assert places_of(CANARIES, project) == []


def test_an_error_before_any_node_runs_keeps_its_words(session, monkeypatch):
    def refuse(*_, **__):
        raise ValueError("a plugin wants a newer version")

    monkeypatch.setattr("kedro.framework.context.KedroContext._get_catalog", refuse)
    with pytest.raises(ValueError, match="newer version"):
        session().run()


def test_the_strict_alignment_names_posts_by_hashes_of_this_project(session, project):
    from psy_agents.corpus.fingerprint import hashed_id

    folder = project / "data" / "01_raw" / "synthetic"
    plant(folder)
    rows = pd.read_csv(folder / "annotations.csv", dtype=str)
    rows.loc[0, "sentence_text"] = f"{SENTENCE} that stands nowhere"
    rows.to_csv(folder / "annotations.csv", index=False)
    with pytest.raises(UserError) as caught:
        session(preprocessing={"alignment": {"mode": "strict"}}).run()
    salt = (project / "conf" / "local" / "id_salt").read_text()
    assert hashed_id(rows.loc[0, "post_id"], salt) in str(caught.value)
    assert hashed_id(rows.loc[0, "post_id"], "") not in str(caught.value)
    assert not any(word in str(caught.value) for word in (*CANARIES, salt))


def test_a_damaged_corpus_ends_the_command_in_one_line_and_writes_nothing(kedro, project):
    plain_corpus("unbalanced_quote").write(project / "data" / "01_raw" / "synthetic")
    ended = kedro("run")
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: data/01_raw/synthetic/posts.csv, line ")
    assert line.isascii() and not any(mark in line.lower() for mark in (TEXT_MARK, ID_MARK))
    assert saved(project) == {}


def test_what_stood_there_stays_whole_when_a_corpus_is_damaged_later(session, project):
    folder = project / "data" / "01_raw" / "synthetic"
    session().run()
    before = saved(project)
    assert len(before) == 7
    for damage in ("truncate", "wrong_status", "no_criteria"):
        plain_corpus(damage).write(folder)
        with pytest.raises(UserError):
            session().run()
        assert saved(project) == before, damage


def test_kedro_viz_previews_nothing_that_holds_texts_or_ids(session):
    from kedro_viz.models.flowchart.nodes import GraphNode

    catalog = session().load_context().catalog
    names = {name for pipeline in pipelines.values() for name in pipeline.datasets() if not name.startswith("params:")}
    nodes = {name: GraphNode.create_data_node(name, name, None, set(), catalog.get(name), None) for name in names}
    shown = {name for name, node in nodes.items() if node.is_preview_enabled()}
    assert {"posts_raw", "annotations_raw", "posts", "pairs", "sentences", "splits", "id_salt"} <= names - shown
    assert not [name for name in shown if not SHOWN.fullmatch(name)]
