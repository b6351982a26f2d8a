"""The project as a new user has it: code, configuration and the bundled corpus; no data made from it, no runs."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORPUS = Path("data/01_raw/synthetic")


def copy_project(folder: Path, *, code: bool = False) -> None:
    """Copy it to a folder; its code only for a test that changes it, since commands in the copy find it where it is."""
    (folder / "src").mkdir(parents=True)
    for name in (*(["src"] if code else []), "conf", CORPUS):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.egg-info", "local"), dirs_exist_ok=True)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, folder)
    (folder / "conf" / "local").mkdir()


def project_environment(folder: Path) -> dict[str, str]:
    """That of a command in the copy: its own code if it has any, no hub, and nothing of pytest or that would override parameters."""
    overriding = ("HPO_", "KEDRO_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(overriding) and "PYTEST" not in name}
    owner = folder if any((folder / "src").iterdir()) else ROOT
    return {**inherited, "PYTHONPATH": str(owner / "src"), "HF_HUB_OFFLINE": "1"}
