"""Processes of agents: what they print, how they end, and in which order they begin. A stand-in does their work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.waiting import PATIENCE, wait_for

from psy_agents.app import parallel_agents as side_by_side
from psy_agents.app.parallel_agents import AgentJob, Command, run_agents
from psy_agents.hpo.engine.interruption import interrupt_signal

NOTHING = Command(Path("/"), None, "", {}, ())


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(side_by_side, "MODULE", "support.agent_stand_in")

    def run(at_once=4, after=(), **steps):
        jobs = [AgentJob(NOTHING, agent, tuple(nodes), "id", None, first=False) for agent, nodes in steps.items()]
        with interrupt_signal() as interrupt:
            for signum in after:
                interrupt(signum, None)
            return run_agents(jobs, at_once, interrupt)

    return run


def test_each_line_has_its_agents_name_also_one_without_an_end(run, capfd):
    ended, failed = run(criteria=["say one\ntwo\n"], joint=["say last words"])
    assert failed == {} and all(how.startswith("finished in 0:00:") for how in ended.values())
    assert sorted(capfd.readouterr().err.splitlines()) == ["criteria | one", "criteria | two", "joint | last words"]


def test_the_end_of_a_process_is_reported_and_stops_no_other(run, tmp_path):
    done = tmp_path / "done"
    ended, failed = run(
        criteria=["fail the disk is full."], evidence=["die 9"], share=["exit 3"], joint=["wait " + str(done)], more=[f"make {done}"]
    )
    assert failed == {
        "criteria": "the disk is full.",
        "evidence": "its process was ended by SIGKILL.",
        "share": "its process ended with exit code 3.",
    }
    assert ended["evidence"] == "failed: its process was ended by SIGKILL."
    assert ended["joint"].startswith("finished in ") and ended["more"].startswith("finished in ")


def test_no_more_run_at_once_than_may_and_a_part_of_the_cluster_is_never_taken_back(run, tmp_path, capfd):
    file = tmp_path / "share runs"
    _, failed = run(
        at_once=2, criteria=["count it"], evidence=["shares 3", "count it"], share=[f"make {file}"], joint=[f"wait {file}", "count it"]
    )
    assert failed == {}
    output = capfd.readouterr().err
    assert "evidence | [(1, 2), (0, 2), (0, 2)]" in output.splitlines()
    counts = [int(line.split()[2]) for line in output.splitlines() if line.endswith(" at once")]
    assert len(counts) == 3 and max(counts) <= 2


def test_after_a_signal_none_begins(run):
    assert run(after=[signal.SIGTERM], criteria=["say I run\n"]) == ({}, {})


def test_a_second_signal_does_not_wait_for_an_agent_that_does_not_stop(tmp_path):
    """The agent ignores signals; that it ends where its command is gone is tested below."""
    ready, heard = tmp_path / "ready", tmp_path / "heard"
    program = f"""
from psy_agents.app import parallel_agents
from psy_agents.app.parallel_agents import AgentJob, Command, run_agents
from psy_agents.hpo.engine.interruption import interrupt_signal
from pathlib import Path

parallel_agents.MODULE = "support.agent_stand_in"
nodes = ("deafen {heard}", "make {ready}", "wait /nowhere")
job = AgentJob(Command(Path("/"), None, "", {{}}, ()), "joint", nodes, "id", None, first=False)
with interrupt_signal() as interrupt:
    run_agents([job], 1, interrupt)
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = subprocess.Popen([sys.executable, "-c", program], env=env)
    wait_for(ready.exists)
    (agent,) = psutil.Process(command.pid).children()
    command.terminate()
    wait_for(heard.exists)
    assert command.poll() is None
    command.terminate()
    assert command.wait(PATIENCE) in (-signal.SIGTERM, -signal.SIGKILL)
    agent.kill()


def test_processes_end_when_what_runs_them_fails(run, monkeypatch):
    def broken(*_):
        raise BrokenPipeError

    monkeypatch.setattr(side_by_side, "_print_lines", broken)
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(BrokenPipeError):
        run(criteria=["say something\n"], joint=["wait /nowhere"])
    assert not [each for each in set(psutil.Process().children(recursive=True)) - before if each.is_running()]


def test_a_process_whose_command_is_gone_ends_at_once(tmp_path):
    """The real one, which has got its job and hears no more."""
    ours, theirs = side_by_side.Pipe()
    command = [sys.executable, "-m", side_by_side.MODULE, str(theirs.fileno())]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=env, pass_fds=[theirs.fileno()], start_new_session=True, stderr=subprocess.DEVNULL)
    theirs.close()
    ours.send(AgentJob(Command(tmp_path, None, str(tmp_path), {}, ("x",)), "criteria", (), "id", None, first=False))
    ours.close()
    wait_for(lambda: process.poll() is not None)
    assert process.returncode == -signal.SIGKILL
