"""A refit as a program that a test can kill: ``refit_process.py FILE``, where FILE holds its pickled arguments."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from psy_agents.hpo.refit import run_refit

if __name__ == "__main__":
    run_refit(**pickle.loads(Path(sys.argv[1]).read_bytes()))
