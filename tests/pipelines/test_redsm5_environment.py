from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.io import DatasetError
from kedro.runner import SequentialRunner

from psy_agents.app.parameter_errors import Places
from psy_agents.app.parameters import check_parameters
from psy_agents.errors import UserError

CRITERIA = (
    "DEPRESSED_MOOD",
    "ANHEDONIA",
    "APPETITE_CHANGE",
    "SLEEP_ISSUES",
    "PSYCHOMOTOR",
    "FATIGUE",
    "WORTHLESSNESS",
    "COGNITIVE_ISSUES",
    "SUICIDAL_THOUGHTS",
)
BASE_ENCODERS = {
    "bert-base-uncased",
    "roberta-base",
    "microsoft/deberta-v3-base",
    "answerdotai/ModernBERT-base",
    "mental/mental-roberta-base",
}
RECORD = "data/01_raw/redsm5/data_agreement.json"
CANARY = "heliotrope"
FILLERS = ("The bus was late again.", "We had soup for dinner.", "My sister called about her job.", "It rained at noon.")


def shown(criterion: str, number: int) -> str:
    return f"I wrote “{criterion.lower()}” in the diary of day {number}, and it isn’t over 😞."


def paraphrased(criterion: str, number: int) -> str:
    return f"I wrote '{criterion.lower()}' in my diary on day {number} and it is not over."


@pytest.fixture
def corpus(project: Path) -> Path:
    """In ReDSM5's form: 45 posts, of them 9 without rows; each criterion in 4, once with its sentence paraphrased.

    Post 0 has a doubled row, and a second sentence with the other status; post 1 has a special case.
    """
    folder = project / "data/01_raw/redsm5"
    folder.mkdir()
    posts, rows = [], []
    for number in range(45):
        sentences = [f"{FILLERS[number % 4]} This was {CANARY} number {number}.", FILLERS[(number + 1) % 4]]
        criterion = CRITERIA[number % 9]
        if number < 36:
            sentences.append(shown(criterion, number))
            text = (paraphrased if number < 9 else shown)(criterion, number)
            rows.append([f"s_{number}", f"s_{number}_2", text, criterion, "1", f"Explained by {CANARY}, at length."])
        posts.append([f"s_{number}", "\n".join(sentences)])
    rows += [rows[0], ["s_0", "s_0_1", posts[0][1].splitlines()[1], CRITERIA[0], "0", "It is not shown here."]]
    rows.append(["s_1", "s_1_1", posts[1][1].splitlines()[1], "SPECIAL_CASE", "1", "Something else is."])
    header = ["post_id", "sentence_id", "sentence_text", "DSM5_symptom", "status", "explanation"]
    for name, table in (("posts", [["post_id", "text"], *posts]), ("annotations", [header, *rows])):
        with (folder / f"redsm5_{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(table)
    return folder


def files_of(project: Path) -> set[Path]:
    return {path for path in project.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.parametrize("pipeline", ["__default__", "preprocessing", "predict", "baselines", "hpo_stage0"])
def test_without_the_agreement_no_pipeline_reads_the_corpus_and_nothing_is_written(session, project, corpus, pipeline):
    before = files_of(project)
    with pytest.raises(UserError, match=r"ReDSM5 data agreement.*10\.1145/3746252\.3761610.*--params data_agreement="):
        session(env="redsm5").run(pipeline_names=[pipeline])
    with pytest.raises(UserError, match="ReDSM5 data agreement"):
        session(env="redsm5").run(pipeline_names=[pipeline], only_missing_outputs=True)
    assert files_of(project) == before


def test_without_the_agreement_no_runner_and_no_notebook_reads_the_corpus(session, corpus):
    catalog = session(env="redsm5").load_context().catalog
    with pytest.raises(DatasetError, match="ReDSM5 data agreement"):
        catalog.load("annotations_raw")
    with pytest.raises(DatasetError, match="ReDSM5 data agreement"):
        SequentialRunner().run(pipelines["preprocessing"], catalog)


def test_the_agreement_holds_for_the_corpus_whatever_environment_opens_its_files(session, project, corpus):
    posts = "data/01_raw/redsm5/redsm5_posts.csv"
    own = "corpus: redsm5\nfiles: {posts: redsm5_posts.csv, annotations: a.csv, criteria: c.json}"
    (project / "conf/local/globals.yml").write_text(own)
    with pytest.raises(UserError, match="ReDSM5 data agreement"):
        session().run()
    (project / "conf/local/globals.yml").unlink()
    link = project / "data/01_raw/mine.csv"
    link.symlink_to(project / posts)
    for path in (posts, link.as_posix()):
        with pytest.raises(UserError, match="ReDSM5 data agreement"):
            session(agent="share", predict={"posts": path}).run(pipeline_names=["predict"])
    with pytest.raises(UserError, match=r"06_models/refit/share is missing"):  # What is asked for next.
        session(agent="share", data_agreement="Jane Doe", predict={"posts": posts}).run(pipeline_names=["predict"])
    assert json.loads((project / RECORD).read_bytes())["confirmations"][0]["agreement"]["name"] == "ReDSM5 data agreement"


def test_a_confirmed_run_records_it_and_the_next_one_needs_no_confirming(session, project, corpus):
    session(env="redsm5", data_agreement="Jane Doe").run()
    record = (project / RECORD).read_bytes()
    (entry,) = json.loads(record)["confirmations"]
    assert entry["confirmed_by"] == "Jane Doe"
    assert entry["agreement"]["name"] == "ReDSM5 data agreement"
    raw = ["redsm5_annotations.csv", "redsm5_posts.csv"]
    assert entry["files"] == {name: hashlib.sha256((corpus / name).read_bytes()).hexdigest() for name in raw}
    assert CANARY.encode() not in record

    session(env="redsm5").run()
    assert (project / RECORD).read_bytes() == record
    made = project / "data/redsm5"
    account = json.loads((made / "03_primary/corpus_account.json").read_text())
    assert account["posts"] == {"in": 45, "used": 45, "set_aside": {}}
    assert account["annotations"]["set_aside"] == {"ignored_label": 1, "repeated": 1}
    assert account["pairs"]["conflicting"] == 1
    assert account["pairs"]["origins"]["positive"] == 36
    assert account["alignment"]["positive_rows"]["exact"] == 27
    assert account["alignment"]["positive_rows"]["fuzzy"] + account["alignment"]["positive_rows"]["not_found"] == 9
    assert json.loads((made / "02_intermediate/criteria.json").read_text()).keys() == set(CRITERIA)
    assert set(pd.read_parquet(made / "05_model_input/splits.parquet")["split"]) == {"train", "validation", "test"}


def test_who_confirmed_stands_in_the_record_alone_and_not_in_mlflow(kedro, project, corpus):
    tracking = project / "conf/base/mlflow.yml"
    tracking.write_text(tracking.read_text().replace("[__default__, ", "["))
    ended = kedro("run", "--env", "redsm5", "--params", "data_agreement=Jane Doe")
    assert ended.returncode == 0, ended.stderr
    assert "recorded that 'ReDSM5 data agreement' is confirmed: " + RECORD in ended.stderr
    assert "Jane" not in ended.stdout + ended.stderr
    assert (project / "mlruns/mlflow.db").is_file()
    holders = [p for p in files_of(project) if p.is_file() and b"Jane" in p.read_bytes()]
    assert [p.relative_to(project).as_posix() for p in holders] == [RECORD]


def test_nothing_is_confirmed_for_a_corpus_without_an_agreement_or_for_a_run_that_is_refused(session, project, corpus):
    with pytest.raises(UserError, match="reads no data that need an agreement: leave it out"):
        session(data_agreement="Jane Doe").run()
    with pytest.raises(UserError, match="reads no data that need an agreement"):
        session(env="redsm5", data_agreement="Jane Doe").run(pipeline_names=["synthetic_corpus"])
    with pytest.raises(UserError, match="no such parameter"):
        session(env="redsm5", data_agreement="Jane Doe", trainig=1).run()
    assert not list(project.glob("data/01_raw/*/data_agreement.json"))


def test_predicting_a_file_of_ones_own_needs_no_agreement(session, corpus, tmp_path):
    with pytest.raises(UserError, match=r"06_models/refit/share is missing"):  # What is asked for next.
        session(env="redsm5", agent="share", predict={"posts": (tmp_path / "mine.csv").as_posix()}).run(pipeline_names=["predict"])


def test_pipelines_that_read_nothing_gated_run_without_the_agreement(session, project):
    session(env="redsm5").run(pipeline_names=["synthetic_corpus"])
    assert not (project / "data/redsm5").exists()


@pytest.mark.parametrize("agent", ["criteria", "evidence", "share", "joint"])
def test_the_large_space_offers_the_encoders_and_the_stages_train_the_papers_one(session, agent):
    parameters = check_parameters(session(env="redsm5")._get_config_loader()["parameters"], Places({}, {}))
    spaces, training = parameters.search_space, parameters.training
    stages = [getattr(parameters.hpo, stage).space for stage in ("stage0", "stage1", "stage2", "maximal")]
    assert stages == ["full", "full", "full", "large"]
    assert spaces.encoders(agent, "full", training) == ["bert-base-uncased"]
    assert set(spaces.encoders(agent, "large", training)) == {"sentence-transformers/all-MiniLM-L6-v2", *BASE_ENCODERS}
    for size in ("full", "large"):
        assert len(spaces.firsts(agent, size, spaces.space(agent, size, training))) == 2


def test_every_trial_of_the_large_space_fits_the_shallowest_encoder_and_its_positions(session):
    parameters = check_parameters(session(env="redsm5")._get_config_loader()["parameters"], Places({}, {}))
    space = parameters.search_space.space("joint", "large", parameters.training)
    highest = {p.name: p.distribution for p in space.parameters}
    assert highest["frozen_layers"].high < 6  # MiniLM; the others have 12 and 22
    assert highest["reinitialised_layers"].high <= 6
    assert max(highest["max_length"].choices) <= 512
