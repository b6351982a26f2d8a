import os
import socket
import subprocess
import sys

import pytest

from psy_agents.errors import UserError
from psy_agents.hpo.store import StudyStore, read_study


def test_a_second_owner_is_refused_and_told_who_owns_the_store(tmp_path):
    path = tmp_path / "studies.db"
    with StudyStore(path):
        code = f"from psy_agents.hpo.store import StudyStore\nwith StudyStore({str(path)!r}): pass"
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
        assert "UserError" in other.stderr
        assert f"process {os.getpid()} on {socket.gethostname()}" in other.stderr
        with pytest.raises(UserError, match="is in use by process"), StudyStore(path):
            pass
    with StudyStore(f"sqlite:///{path}"):
        pass


def test_a_study_can_be_read_while_another_owns_the_store(tmp_path):
    with StudyStore(tmp_path / "studies.db") as store:
        store.study("one")
        assert read_study(tmp_path / "studies.db", "one").trials == []


def test_what_is_not_there_or_not_a_store_is_said_so(tmp_path):
    with pytest.raises(UserError, match="no study store"):
        read_study(tmp_path / "none.db", "one")
    with StudyStore(tmp_path / "studies.db"), pytest.raises(UserError, match="no study one"):
        read_study(tmp_path / "studies.db", "one")
    with pytest.raises(UserError, match="postgresql://... is not supported") as refusal:
        StudyStore("postgresql://user:secret@host/studies")
    assert "secret" not in str(refusal.value)
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(UserError, match="not an sqlite file"), StudyStore(tmp_path / "text.db"):
        pass
