"""The project as a new user has it: code, configuration and the bundled corpus; no data made from it, no runs."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORPUS = Path("data/01_raw/synthetic")


def copy_project(folder: Path) -> None:
    """Copy it to a folder."""
    ignored = shutil.ignore_patterns("*.egg-info", "local")
    for name in ("src", "conf", CORPUS):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, folder)
    (folder / "conf" / "local").mkdir()


def project_environment(folder: Path) -> dict[str, str]:
    """That of a command in the copy: its own code, no hub, and nothing that would override parameters."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HPO_", "KEDRO_"))}
    return {**inherited, "PYTHONPATH": str(folder / "src"), "HF_HUB_OFFLINE": "1"}
