"""How processes of workers are started."""

import sys

START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
"""Forked from a server that has imported torch once; elsewhere some libraries, such as Apple's Accelerate, do not survive a fork."""
IGNORED_SIGNALS = "psy_agents.hpo.workers.ignored_signals"
"""The module that makes a process ignore what asks a search to stop."""
