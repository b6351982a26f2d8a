"""What a project's searches, refits and report have left in its test environment."""

from __future__ import annotations

import json

import pandas as pd

from psy_agents.hpo.study.store import read_studies

STORE = "data/test/07_model_output/studies.db"
TOP_KS = {"stage0": "sanity", "stage1": "coarse", "stage2": "fine"}
REPORT = "data/test/08_reporting/report"


def latest(project, path):
    """The newest version of a versioned file."""
    return max((project / path).glob("*/*"))


def versions(project, path):
    """Names of all versions of a versioned file, the oldest first."""
    return sorted(folder.name for folder in (project / path).iterdir())


def loaded(project, path):
    """The newest version of a JSON file."""
    return json.loads(latest(project, path).read_text(encoding="utf-8"))


def top_k_path(agent, stage):
    return f"data/test/07_model_output/hpo_{stage}/{agent}_{agent}-{stage}-{TOP_KS[stage]}_topk.json"


def trials(project):
    """Number of trials of every study."""
    return {study.study_name: len(study.trials) for study in read_studies(project / STORE)}


def table(project, name):
    """A table of the newest report."""
    return pd.read_csv(latest(project, f"{REPORT}/{name}.csv"))
