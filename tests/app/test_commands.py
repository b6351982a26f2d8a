from __future__ import annotations

import hashlib


def test_the_registry_and_a_stages_datasets_are_listed(kedro):
    listed = kedro("registry", "list")
    assert listed.returncode == 0, listed.stderr
    assert "hpo_stage0" in listed.stdout
    assert listed.stderr == ""
    described = kedro("catalog", "describe-datasets", "--pipeline", "hpo_stage0")
    assert described.returncode == 0, described.stderr
    assert "evidence.hpo_stage0_topk" in described.stdout
    assert "MemoryDataset" not in described.stdout


def test_a_mistake_is_one_line_and_status_1(kedro, project):
    (project / "data/01_raw/synthetic/posts.csv").unlink()
    ended = kedro("run", "--pipeline", "hpo_stage0", "--params", "agent=evidence")
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: data/01_raw/synthetic/posts.csv is missing")
    assert not list(project.glob("data/07*"))


def test_an_environment_variable_that_is_no_number_is_one_line(kedro):
    ended = kedro("run", "--pipelines", "hpo_stage0", "--params", "agent=evidence", HPO_EPOCHS="abc")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: HPO_EPOCHS is 'abc'")
    assert len(ended.stderr.splitlines()) == 1


def test_a_cheap_run_loads_no_model_library_and_leaves_no_tracking(kedro, project):
    ended = kedro("run", PYTHONPROFILEIMPORTTIME="1")
    assert ended.returncode == 0, ended.stderr
    imported = {line.split("|")[-1].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")}
    assert not imported & {"torch", "transformers", "plotly", "mlflow.store.tracking.sqlalchemy_store"}
    assert not (project / "mlruns").exists()


def test_no_telemetry_is_sent_and_the_project_file_is_left_alone(kedro, project):
    assert (project / ".telemetry").read_text().strip() == "consent: false"
    before = hashlib.sha256((project / "pyproject.toml").read_bytes()).digest()
    ended = kedro("run", "--pipelines", "synthetic_corpus", DO_NOT_TRACK="", KEDRO_DISABLE_TELEMETRY="")
    assert ended.returncode == 0, ended.stderr
    assert "usage data" not in ended.stderr
    assert hashlib.sha256((project / "pyproject.toml").read_bytes()).digest() == before
