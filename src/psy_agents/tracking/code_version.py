"""The version of the code that a run uses."""

from __future__ import annotations

import subprocess

from psy_agents.datasets.project import PROJECT


def git_commit() -> str:
    """The commit of the code, with "+changes" appended if files differ; "unknown" outside a git checkout."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+changes" if dirty else "")
