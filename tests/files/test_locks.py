"""Locks on files: one process at a time, and none after the process that held it."""

import multiprocessing

from psy_agents.files.locks import try_lock, wait_for_lock


def hold(path, held, let_go):
    with wait_for_lock(path):
        held.set()
        let_go.wait()


def test_a_lock_is_one_process_s_until_it_ends(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, let_go = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(tmp_path / "lock", held, let_go))
    holder.start()
    try:
        assert held.wait(300)
        assert try_lock(tmp_path / "lock") is None
    finally:
        holder.kill()
        holder.join()
    with wait_for_lock(tmp_path / "lock"):
        assert try_lock(tmp_path / "lock") is None


def test_closing_the_file_drops_the_lock(tmp_path):
    try_lock(tmp_path / "lock").close()
    with try_lock(tmp_path / "lock") as lock:
        assert not lock.closed
