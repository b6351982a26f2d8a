"""`--params dry_run=true` prints what a search will take, and runs and writes nothing."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.finished_project import sessions_of, training

from psy_agents.app.commands.dry_run import Work, _bytes
from psy_agents.errors import UserError
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.training.config import TrainingSettings


def files_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.fixture
def rows(capsys, monkeypatch):
    """Makes the rows of a dry run by agent and stage, the sums, and the words below them."""
    monkeypatch.setenv("COLUMNS", "200")

    def of(session, *pipelines: str) -> tuple[dict[tuple[str, str], list[str]], str]:
        assert session.run(pipeline_names=list(pipelines)) == {}
        shown = capsys.readouterr().out
        cells = [re.split(r" {2,}", line.strip()) for line in shown.splitlines() if re.match(r" (criteria|evidence|share|joint) ", line)]
        return {(row[0], row[1]): row[2:] for row in cells}, shown

    return of


def test_a_search_is_counted_and_nothing_is_run_or_written(session, project, rows):
    before = files_of(project)
    found, shown = rows(session(dry_run=True), "full_hpo_all")
    assert len(found) == 16
    assert found["joint", "stage2"][:3] == ["50", "50 x 15", "not measured"]
    assert found["joint", "refit"][:2] == ["36", "36 x 15"], "5 candidates and the untuned agent over 5 seeds, and 6 final trainings"
    assert "312 trials and 144 trainings of refits" in shown
    assert float(found["joint", "stage0"][3].split()[0]) > float(found["share", "stage0"][3].split()[0]), "it has two encoders"
    changed = {"hpo": {"stage0": {"n_trials": 3}}, "cross_validation": {"folds": 4}}
    folds, _ = rows(session(agent="share", dry_run=True, **changed), "cross_validation")
    assert {stage: row[0] for (_, stage), row in folds.items()} == {"stage0": "12", "stage1": "80", "stage2": "200", "refit": "104"}
    alone, shown = rows(session(agent="share", dry_run=True), "refit")
    assert [stage for _, stage in alone] == ["refit"] and "\n36 trainings of refits, each of " in shown
    assert files_of(project) == before


def test_a_search_with_an_encoder_that_is_not_here_yet_is_counted_and_nothing_is_downloaded(session, rows):
    """As README's command for a GPU, before BERT has been downloaded."""
    found, shown = rows(session(dry_run=True, hpo={"space": "full", "encoder": "nobody/no-such-encoder"}), "full_hpo_all")
    assert len(found) == 16 and {row[3] for row in found.values()} == {"not known"}
    assert "312 trials" in shown and "The disk is known once the encoder is on this machine." in shown


def test_a_stage_that_time_alone_ends_takes_its_time(session, rows):
    stage = {"n_trials": None, "timeout": 5400.0}
    found, shown = rows(session(agent="criteria", dry_run=True, hpo={"stage0": stage}), "hpo_stage0")
    assert found["criteria", "stage0"][:3] == ["as time allows", "3 each", "about 1.5 hours"]
    assert re.search(r"^ all +limited by time +about 1\.5 hours ", shown, re.M)
    assert "as many trials as start within 1.5 hours, each of at most as many epochs as stand above. Nothing was run." in shown


def test_trials_of_adapters_keep_adapters_alone(tiny_encoder):
    settings = TrainingSettings(fixed={"encoder": str(tiny_encoder)})
    rank = {"type": "int", "low": 4, "high": 64, "log": True}
    found = []
    for ranges in ({}, {"lora_rank": rank}):
        stage = StageConfig(name="stage0", label="", n_trials=3, epochs=2, patience=2)
        work = Work([stage], None, SearchSpaceConfig(small=ranges, large={}))
        found.append(_bytes("share", 2, work, SimpleNamespace(training=settings)))
    assert found[1] == pytest.approx(found[0] / 10, abs=2)


def test_what_was_measured_gives_the_time(finished, monkeypatch, rows):
    session = sessions_of(finished.folder, monkeypatch)(env="test", agent="share", dry_run=True, training=training(finished.encoder))
    found, _ = rows(session, "hpo_stage0")
    assert found["share", "stage0"][2] == "less than a minute"


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_a_dry_run_that_is_neither_true_nor_false_is_refused(session, value):
    with pytest.raises(UserError, match=f"--params dry_run={value}: give dry_run=true, or leave it out to run"):
        session(dry_run=value)


def test_a_pipeline_that_searches_nothing_has_no_dry_run(session):
    with pytest.raises(UserError, match="for pipelines that search or refit, and preprocessing does neither"):
        session(dry_run=True).run(pipeline_names=["preprocessing"])
