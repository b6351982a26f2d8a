"""Atomic writes: readers see the old file or folder or the new one, and what a killed process left is deleted."""

import os
import subprocess
import sys

import pytest

from psy_agents.datasets.model_folder import ModelFolderDataset
from psy_agents.files.atomic import atomic_folder, atomic_write


def dead_process() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    path, dead, living = tmp_path / "it.json", dead_process(), os.getppid()
    for name in (f".it.json.{dead}.tmp", f".it.json.{living}.tmp", f".other.json.{dead}.tmp", ".it.json.notes.tmp"):
        (tmp_path / name).write_text("torn")
    with atomic_write(path) as part:
        part.write_text("whole")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(
        [f".it.json.{living}.tmp", f".other.json.{dead}.tmp", ".it.json.notes.tmp", "it.json"]
    )


def test_leftovers_of_an_earlier_version_go_too(tmp_path):
    torn = tmp_path / "it.json" / "version 1" / f".it.json.{dead_process()}.tmp"
    torn.parent.mkdir(parents=True)
    torn.write_text("torn")
    with atomic_write(tmp_path / "it.json" / "version 2" / "it.json") as part:
        part.write_text("whole")
    assert not torn.exists()


def test_half_a_models_folder_goes(tmp_path):
    model, target = tmp_path / "trained", tmp_path / "kept"
    model.mkdir()
    (model / "weights").write_text("w")
    (tmp_path / f".kept.{dead_process()}.tmp" / "encoder").mkdir(parents=True)
    ModelFolderDataset(filepath=str(target)).save(model)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["kept", "trained"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for content in ("old", "new"):
        with atomic_folder(tmp_path / "it") as part:
            (part / content).write_text(content)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["it", "it/new"]


def test_an_error_leaves_the_old_folder_and_no_other(tmp_path):
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "old").write_text("old")
    with pytest.raises(OSError, match="no space"), atomic_folder(tmp_path / "it") as part:
        (part / "new").write_text("new")
        raise OSError("no space")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["it", "it/old"]


def test_half_a_folder_of_a_dead_process_goes(tmp_path):
    for name in (f".it.{dead_process()}.tmp", f".it.old.{dead_process()}.tmp"):
        (tmp_path / name / "deeper").mkdir(parents=True)
    with atomic_folder(tmp_path / "it"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["it"]
