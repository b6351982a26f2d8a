"""How Kedro runs this project. Every command imports this package first."""

import sys

if sys.platform == "win32":  # Locks, process groups and signals are those of POSIX.
    sys.exit("psy_agents does not run on Windows: use it in the Windows Subsystem for Linux (WSL), with the project on its own disk.")
