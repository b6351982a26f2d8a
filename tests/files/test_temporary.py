"""Temporary folders of killed processes are removed at the next start, and no others."""

import subprocess
import sys
import tempfile

from psy_agents.files.temporary import new_temporary_folder, temporary_folder


def test_folders_of_dead_processes_are_removed_and_those_of_living_ones_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mine = new_temporary_folder()
    dead = mine.with_name(mine.name.replace(f"-{_pid(mine)}-", f"-{gone.pid}-"))
    dead.mkdir()
    (dead / "socket").touch()
    (tmp_path / "psya-another").mkdir()
    with temporary_folder() as folder:
        assert folder.is_dir() and not dead.exists()
    assert sorted(tmp_path.iterdir()) == sorted([mine, tmp_path / "psya-another"])


def _pid(folder):
    return folder.name.split("-")[2]
