"""Bars are shown on a terminal alone, and log lines above them; tables are as wide as the terminal."""

import os
import pty
import re
import subprocess
import sys

import pytest

from psy_agents.files.terminal import WIDE

PROGRAM = """
import logging
from rich.progress import Progress
from psy_agents.files.terminal import error_console, shown_below_logs
logging.basicConfig(format="%(message)s")
console = error_console()
print(console.is_interactive)
if console.is_interactive:
    progress = Progress(console=console, auto_refresh=False)
    progress.add_task("trials", total=3)
    with shown_below_logs(progress):
        progress.refresh()
        logging.warning("a line of the log")
        progress.refresh()
    logging.warning("the last line")
"""


def run(stderr, **environment) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "TERM", "NO_COLOR", "COLUMNS")}
    clean |= {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "80"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=stderr, text=True, env=clean | environment, check=True, timeout=60
    ).stdout.strip()


def test_a_line_of_the_log_stands_alone_above_the_bars():
    ours, theirs = pty.openpty()
    try:
        assert run(theirs, TERM="xterm") == "True"
        os.set_blocking(ours, False)
        output = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", os.read(ours, 100_000).decode())
    finally:
        os.close(ours)
        os.close(theirs)
    shown = [line.rpartition("\r")[2] for line in output.split("\r\n")]  # What follows a carriage return covers what is before.
    assert "a line of the log" in shown and "the last line" in shown


@pytest.mark.parametrize("environment", [{"FORCE_COLOR": "1", "TERM": "xterm"}, {"TERM": "xterm"}])
def test_a_file_gets_lines_also_where_colour_is_forced(tmp_path, environment):
    with (tmp_path / "log").open("w") as file:
        assert run(file, **environment) == "False"


def test_a_terminal_that_cannot_move_its_cursor_gets_lines():
    ours, theirs = pty.openpty()
    try:
        assert run(theirs, TERM="dumb") == "False"
    finally:
        os.close(ours)
        os.close(theirs)


def width(**environment) -> int:
    clean = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"PYTHONPATH": os.pathsep.join(sys.path)}
    program = "from psy_agents.files.terminal import output_console; print(output_console().width)"
    shown = subprocess.run([sys.executable, "-c", program], env=clean | environment, capture_output=True, text=True, check=True)
    return int(shown.stdout)


def test_a_file_gets_tables_in_their_whole_width_unless_the_user_gives_one():
    assert width() == WIDE > 150
    assert width(COLUMNS="90") == 90
