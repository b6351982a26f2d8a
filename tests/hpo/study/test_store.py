import contextlib
import os
import socket
import sqlite3
import subprocess
import sys

import pytest
import sqlalchemy
from support.search.postgres import postgres_schema

from psy_agents.errors import UserError
from psy_agents.files.file_systems import network_file_system
from psy_agents.hpo.study.store import StudyStore, read_studies, read_study


def in_another_process(code: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)


def test_a_second_owner_of_a_study_is_refused_and_the_message_names_the_first(address):
    with StudyStore(address) as store, store.own("one"):
        opened = f"from psy_agents.hpo.study.store import StudyStore\nwith StudyStore({address!r}) as store, store.own"
        other = in_another_process(f"{opened}('one'): pass")
        assert "UserError" in other.stderr
        assert f"The study one is in use by process {os.getpid()} on {socket.gethostname()}" in other.stderr
        assert in_another_process(f"{opened}('two'): pass").returncode == 0
        with pytest.raises(UserError, match="is in use by process"), store.own("one"):
            pass
    with StudyStore(address) as store, store.own("one"):
        pass


def test_a_dead_owner_leaves_no_lock(address):
    died = in_another_process(
        "import os, signal\nfrom psy_agents.hpo.study.store import StudyStore\n"
        f"store = StudyStore({address!r})\nstore.__enter__()\nstore.own('one').__enter__()\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert died.returncode == -9
    with StudyStore(address) as store, store.own("one"):
        pass


def test_a_study_can_be_read_while_another_owns_it(address):
    with StudyStore(address) as store, store.own("one"):
        store.study("one")
        assert read_study(address, "one").trials == []
        assert [study.study_name for study in read_studies(address)] == ["one"]


def test_several_processes_may_open_a_new_store_at_once(address):
    code = f"from psy_agents.hpo.study.store import StudyStore\nwith StudyStore({address!r}) as store: store.study('s')"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    opened = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=env) for _ in range(4)]
    for process in opened:
        _, errors = process.communicate()
        assert process.returncode == 0, errors


def test_a_lost_connection_is_a_lost_lock():
    with postgres_schema() as (engine, address), StudyStore(address) as store, store.own("one") as lock:
        lock.check()
        with engine.connect() as connection:
            connection.execute(
                sqlalchemy.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    f" WHERE application_name LIKE 'psy_agents process {os.getpid()} %'"
                )
            )
        with pytest.raises(UserError, match="connection to the study store was lost"):
            lock.check()


def test_no_commit_to_sqlite_waits_for_the_disk(tmp_path):
    """Also on the connections that were made with the tables."""
    with StudyStore(tmp_path / "studies.db") as store:
        engine = store.storage._backend.engine
        with engine.connect() as one, engine.connect() as other:
            for connection in (one, other):
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_store_of_another_program_and_a_damaged_one_end_in_one_sentence_for_readers_too(tmp_path):
    whole, other, cut = (tmp_path / name for name in ("whole.db", "other.db", "cut.db"))
    with StudyStore(whole) as store:
        store.study("one")
    for path in tmp_path.glob("whole.db-*"):
        path.unlink()
    cut.write_bytes(whole.read_bytes()[:50_000])
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.executescript("CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('another');")
    (tmp_path / "folder.db").mkdir()
    for path, sentence in ((other, "another program or version of Optuna"), (cut, "is not an sqlite file, or is damaged")):
        for read in (read_studies, lambda each: read_study(each, "one")):
            with pytest.raises(UserError, match=sentence):
                read(path)
    with pytest.raises(UserError, match="folder.db is no file"), StudyStore(tmp_path / "folder.db"):
        raise AssertionError


def test_a_missing_store_or_another_file_is_reported(tmp_path):
    with pytest.raises(UserError, match="no study store"):
        read_study(tmp_path / "none.db", "one")
    assert read_studies(tmp_path / "none.db") == []
    with StudyStore(tmp_path / "studies.db"), pytest.raises(UserError, match="no study one"):
        read_study(tmp_path / "studies.db", "one")
    with pytest.raises(UserError, match="mysql://... is not supported"):
        StudyStore("mysql://user:secret@host/studies")
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(UserError, match="not an sqlite file"), StudyStore(tmp_path / "text.db"):
        pass


def test_a_server_that_does_not_answer_is_reported_without_its_password():
    with pytest.raises(UserError, match="does not answer") as refusal, StudyStore("postgresql://me:secret@127.0.0.1:1/studies"):
        pass
    assert "secret" not in str(refusal.value)
    with pytest.raises(UserError, match="cannot be read") as refusal:
        StudyStore("postgresql://me:secret@host:port/studies")
    assert "secret" not in str(refusal.value)


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /home rw,relatime shared:2 - nfs4 server:/home rw
41 40 8:2 / /home/local\\040disk rw - ext4 /dev/sdb1 rw
42 22 0:36 / /scratch rw - lustre mds:/scratch rw
43 22 0:37 / /tmp rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", None), ("/home", "nfs4"), ("/scratch/me/studies.db", "lustre"), ("/var/studies.db", None)],
)
def test_a_network_file_system_is_known_by_its_mount(path, kind):
    from pathlib import Path

    assert network_file_system(Path(path), MOUNTS) == kind
    assert network_file_system(Path(path), "") is None


def test_sqlite_on_a_network_file_system_is_refused_with_advice(tmp_path, monkeypatch):
    monkeypatch.setattr("psy_agents.hpo.study.store.network_file_system", lambda path: "nfs4")
    with pytest.raises(UserError, match=r"network file system \(nfs4\).*PostgreSQL"), StudyStore(tmp_path / "studies.db"):
        pass
    assert not (tmp_path / "studies.db").exists()
