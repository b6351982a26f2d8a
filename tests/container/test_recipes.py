"""The container's recipe and the Slurm script: linted, built where there is an engine, and the script's four jobs run the four agents."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from psy_agents.agents.registry import AGENTS

ROOT = Path(__file__).parents[2]
DOCKERFILE, SCRIPT = ROOT / "container" / "Dockerfile", ROOT / "container" / "agents.sbatch"
PROGRAMS = Path(sys.executable).parent


@pytest.mark.parametrize(("linter", "file"), [("hadolint", DOCKERFILE), ("shellcheck", SCRIPT)])
def test_the_linter_finds_nothing(linter, file):
    found = subprocess.run([PROGRAMS / linter, file], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, ""), found.stdout


def test_what_the_recipe_copies_is_there_and_reaches_the_build():
    copied = [name for names in re.findall(r"^COPY (.+) \S+$", DOCKERFILE.read_text(), re.M) for name in names.split()]
    allowed = re.findall(r"^!(.+)$", (ROOT / "container" / "Dockerfile.dockerignore").read_text(), re.M)
    assert set(copied) == set(allowed) and len(copied) == 5
    assert all((ROOT / name).exists() for name in copied)


@pytest.fixture(scope="module")
def engine() -> str:
    """A program whose engine answers; a client alone does not build."""
    for name in filter(shutil.which, ("docker", "podman")):
        if subprocess.run([name, "info"], capture_output=True, timeout=60).returncode == 0:
            return name
    pytest.skip("no container engine answers")


def test_the_image_builds_and_runs_the_clone_as_another_user(engine):
    image = f"psy-agents-test-{os.getpid()}"
    recipe = ["--file", DOCKERFILE, "--tag", image]
    built = subprocess.run([engine, "build", *recipe, ROOT], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    try:
        # Read-only, because listing pipelines needs no place to write, and the other user owns nothing here.
        listed = [engine, "run", "--rm", "--user", "1234:1234", "--volume", f"{ROOT}:/project:ro", image, "kedro", "registry", "list"]
        ran = subprocess.run(listed, capture_output=True, text=True)
        assert ran.returncode == 0 and "- full_hpo_all" in ran.stdout, ran.stdout + ran.stderr
    finally:
        subprocess.run([engine, "image", "rm", "--force", image], capture_output=True, check=True)


@pytest.fixture
def jobs(tmp_path):
    """Runs every job of the array with programs that only write what they were given."""
    programs = tmp_path / "programs"
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").write_text("echo activated\n")
    programs.mkdir()
    for name in ("kedro", "apptainer"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (programs / name).chmod(0o755)
    (first, last), = re.findall(r"^#SBATCH --array=(\d+)-(\d+)$", SCRIPT.read_text(), re.M)  # fmt: skip

    def run(**given: str) -> list[list[str]]:
        environment = {"PATH": f"{programs}:{os.defpath}", **given}
        tasks = [{**environment, "SLURM_ARRAY_TASK_ID": str(task)} for task in range(int(first), int(last) + 1)]
        return [
            subprocess.run(["bash", SCRIPT], cwd=tmp_path, env=task, capture_output=True, text=True, check=True).stdout.splitlines()
            for task in tasks
        ]

    return run


def test_each_job_runs_all_stages_and_the_refit_of_one_agent(jobs, tmp_path):
    stages = ("hpo_stage0", "hpo_stage1", "hpo_stage2", "refit")
    assert jobs() == [
        ["activated", *(f"kedro run --env local --pipeline {stage} --params agent={agent}" for stage in stages)] for agent in AGENTS
    ]
    inside = jobs(IMAGE="psy.sif", PARAMS="hpo.space=full", ENV="redsm5")
    opened = f"apptainer exec --nv --bind {tmp_path} --pwd {tmp_path} psy.sif"
    assert inside == [
        [f"{opened} kedro run --env redsm5 --pipeline {stage} --params agent={agent},hpo.space=full" for stage in stages]
        for agent in AGENTS
    ]
