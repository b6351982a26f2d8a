"""The two lock files hold the same versions, those of pyproject.toml among them, and what torch needs for CUDA."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([\w.-]+)(?:\[\w,]+\])?==([\w.]+)", re.MULTILINE)
OTHER_SYSTEMS = {"colorama", "httpx2-jsfetch", "pywin32", "pywinpty", "waitress"}
BUILD = {"setuptools"}


def pins(text: str) -> dict[str, str]:
    return {name.lower().replace("_", "-"): version for name, version in PIN.findall(text)}


def test_both_lock_files_hold_the_same_versions_and_those_of_the_project():
    constraints, hashed = (pins((ROOT / name).read_text()) for name in ("requirements.lock", "requirements-hashes.lock"))
    assert {name: version for name, version in hashed.items() if name not in OTHER_SYSTEMS | BUILD} == constraints
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    named = pins("\n".join(sum(extras, project["project"]["dependencies"]) + project["build-system"]["requires"]))
    assert len(named) > 40 and named.items() <= hashed.items()
    assert {"triton", "cuda-toolkit", "nvidia-cublas", "nvidia-cudnn-cu13", "nvidia-nccl-cu13"} <= constraints.keys()


def test_every_locked_package_has_hashes():
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements-hashes.lock").read_text().split("-e .\n")[1].strip())
    assert all(re.fullmatch(r"\S+==[^\\]+( \\\n    --hash=sha256:[0-9a-f]{64})+", entry) for entry in entries)
