"""What a killed process leaves under a temporary name is deleted when the same file is saved again."""

import os
import subprocess
import sys

from psy_agents.datasets.model_folder import ModelFolderDataset
from psy_agents.files.atomic import whole_file


def dead_process() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_left_overs_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    path, dead, living = tmp_path / "it.json", dead_process(), os.getppid()
    for name in (f".it.json.{dead}.tmp", f".it.json.{living}.tmp", f".other.json.{dead}.tmp", ".it.json.notes.tmp"):
        (tmp_path / name).write_text("torn")
    with whole_file(path) as part:
        part.write_text("whole")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(
        [f".it.json.{living}.tmp", f".other.json.{dead}.tmp", ".it.json.notes.tmp", "it.json"]
    )


def test_left_overs_of_an_earlier_version_go_too(tmp_path):
    torn = tmp_path / "it.json" / "version 1" / f".it.json.{dead_process()}.tmp"
    torn.parent.mkdir(parents=True)
    torn.write_text("torn")
    with whole_file(tmp_path / "it.json" / "version 2" / "it.json") as part:
        part.write_text("whole")
    assert not torn.exists()


def test_half_a_models_folder_goes(tmp_path):
    model, target = tmp_path / "trained", tmp_path / "kept"
    model.mkdir()
    (model / "weights").write_text("w")
    (tmp_path / f".kept.{dead_process()}.tmp" / "encoder").mkdir(parents=True)
    ModelFolderDataset(filepath=str(target)).save(model)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["kept", "trained"]
