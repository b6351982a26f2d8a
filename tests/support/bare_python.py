"""A Python with the packages that a model asks for, and without this project."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path


def bare_python(folder: Path, constraints: Path) -> Path:
    """A virtual environment of links to the packages that are named in ``constraints``, in the versions named there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for line in constraints.read_text(encoding="utf-8").split():
        name, _, version = line.partition("==")
        package = distribution(name)
        assert package.version.partition("+")[0] == version, line
        for top in {path.parts[0] for path in package.files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(package.locate_file(top))
    return folder / "bin" / "python"
