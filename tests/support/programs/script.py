"""A script as a user starts it: ``python SCRIPT ARGUMENTS``, forked from a process that has imported what a search needs."""

from __future__ import annotations

import os
import runpy
import site
import sys
from collections.abc import Sequence
from pathlib import Path

import torch  # noqa: F401
import transformers.modeling_utils  # noqa: F401

from psy_agents.hpo import objective, run_stage  # noqa: F401


def main(arguments: Sequence[str]) -> None:
    """Run a script: the arguments are the folder to run it in, its file and its own arguments."""
    folder, script, *options = arguments
    os.chdir(folder)
    sys.argv = [script, *options]
    site.addsitedir(str(Path(script).parent))  # Where Python itself looks for a script's modules.
    runpy.run_path(script, run_name="__main__")
