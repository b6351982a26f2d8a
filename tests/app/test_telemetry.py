"""Nothing tells anybody that this project is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.finished_project import NAME_LOOKUPS, watched

PROJECT = Path(__file__).parents[2]
ASKED = "from mlflow.telemetry.client import get_telemetry_client; print(get_telemetry_client() is None)"


def answer(code):
    left_out = ("CI", "DO_NOT_TRACK", "KEDRO_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY")  # In a CI, MLflow is silent by itself.
    environment = {name: value for name, value in os.environ.items() if name not in left_out and "PYTEST" not in name}
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_mlflow_reports_nothing_of_a_run():
    if answer(f"import mlflow; {ASKED}") == "True":
        pytest.skip("MLflow is silent here whatever the project says")
    code = "from kedro.framework.startup import bootstrap_project; from pathlib import Path; bootstrap_project(Path.cwd());"
    assert answer(f"{code} import psy_agents.settings, mlflow; {ASKED}") == "True"


def test_kedro_reports_nothing():
    assert yaml.safe_load((PROJECT / ".telemetry").read_text()) == {"consent": False}


def test_a_packaged_project_without_its_consent_file_reports_nothing():
    asked = "from kedro_telemetry.plugin import _check_for_telemetry_consent as consent; print(consent(None))"
    assert answer(asked) == "None", "Kedro would report"
    assert answer(f"import psy_agents.settings; {asked}") == "False"


def test_a_whole_search_with_its_refits_and_report_looks_up_no_name(finished, tmp_path):
    assert finished.ended.returncode == 0, finished.ended.stderr
    assert not (finished.folder / NAME_LOOKUPS).exists(), (finished.folder / NAME_LOOKUPS).read_text()
    code = "import socket\ntry: socket.create_connection(('nobody.invalid', 443), 1)\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", code], env=watched(dict(os.environ), tmp_path / "names"), check=True)
    assert (tmp_path / "names").read_text() == "nobody.invalid\n", "a name would be noticed"
