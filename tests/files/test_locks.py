"""Locks on files: one process at a time, and none after the process that held it."""

import subprocess
import sys

from psy_agents.files.locks import try_lock, wait_for_lock

HOLD = """
import sys
from pathlib import Path
from psy_agents.files.locks import wait_for_lock

with wait_for_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_one_process_s_until_it_ends(tmp_path):
    # A program of its own: a function of a test module can only be pickled where the root folder is on the path.
    program = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            assert try_lock(tmp_path / "lock") is None
        finally:
            holder.kill()
    with wait_for_lock(tmp_path / "lock"):
        assert try_lock(tmp_path / "lock") is None


def test_closing_the_file_drops_the_lock(tmp_path):
    try_lock(tmp_path / "lock").close()
    with try_lock(tmp_path / "lock") as lock:
        assert not lock.closed
