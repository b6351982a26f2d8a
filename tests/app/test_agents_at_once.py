"""Agents side by side over a Dask cluster, by one command, as a user's shell runs it."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import mlflow
import optuna
import psutil
import pytest
from optuna.trial import TrialState
from support.project_copy import copy_project, project_environment
from support.search.dask_cluster import Cluster, started
from support.waiting import PATIENCE, wait_for

from psy_agents.hpo.study.store import read_studies

AGENTS = "criteria", "joint"
SMALL = ("refit.stage=stage0", "refit.candidates=1", "refit.n_seeds=1", "refit.mlflow_model=false")


class Project:
    """A copy of the project and a cluster for it."""

    def __init__(self, folder: Path, encoder: Path, cluster: Cluster) -> None:
        self.folder, self.encoder, self.cluster = folder, encoder, cluster
        self.data = folder / "data" / "test"
        copy_project(folder)

    def start(self, pipelines: str, *hpo: str, agents: tuple[str, ...] = AGENTS) -> subprocess.Popen:
        """``kedro run`` over the cluster; what it says goes to a file."""
        model = f"training.precision=float32,training.fixed.encoder={self.encoder},training.fixed.max_length=128"
        given = ["workers.executor.name=dask", f"workers.executor.scheduler={self.cluster.address}", *hpo]
        params = ",".join([f"agent={'+'.join(agents)}", model, *(f"hpo.{each}" for each in given)])
        command = [sys.executable, "-m", "kedro", "run", "--env", "test", "--pipelines", pipelines, "--params", params]
        env = project_environment(self.folder)
        with (self.folder / "output").open("wb") as output:
            return subprocess.Popen(command, cwd=self.folder, env=env, stdout=output, stderr=output)

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def studies(self) -> list[optuna.Study]:
        return read_studies(self.data / "07_model_output" / "studies.db")

    def trials(self) -> dict[str, list[tuple]]:
        """What each study holds: number, state and value."""
        return {study.study_name: [(t.number, t.state, t.value) for t in study.trials] for study in self.studies()}


@pytest.fixture(scope="module")
def project(tmp_path_factory, tiny_encoder):
    folder = tmp_path_factory.mktemp("side_by_side")
    (folder / "cluster").mkdir()
    with started(folder / "cluster", 1, 2) as cluster:
        yield Project(folder / "project", tiny_encoder, cluster)


@dataclass(frozen=True)
class Stopped:
    """How a command ended, what it said, which processes it left, and what the studies held."""

    status: int
    output: str
    left: list[psutil.Process]
    trials: dict[str, list[tuple]]


@pytest.fixture(scope="module")
def stopped(project) -> Stopped:
    """A search of two agents, stopped while trials of both run; trials without end: however slow a start is, the agent before has some."""
    program = project.start("hpo_stage0", "stage0.n_trials=100000")

    def two_run() -> bool:
        assert program.poll() is None, project.output()
        return sum(any(t.state is TrialState.RUNNING for t in study.trials) for study in project.studies()) == 2

    wait_for(two_run)
    family = psutil.Process(program.pid).children(recursive=True)
    assert sum("psy_agents.app.agent_process" in each.cmdline() for each in family) == 2
    program.terminate()
    status = program.wait(PATIENCE)
    left = psutil.wait_procs(family, timeout=PATIENCE)[1]
    wait_for(lambda: project.cluster.trial_processes() == [])
    return Stopped(status, project.output(), left, project.trials())


@pytest.fixture(scope="module")
def continued(project, stopped) -> str:
    """What the command says that continues it with one trial more, and refits; an agent's best trials cannot be saved."""
    blocked = project.data / "07_model_output" / "hpo_stage0" / "joint_joint-stage0-sanity_topk.json"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("where a folder of versions should be")
    counts = {name.partition("-")[0]: len(trials) for name, trials in stopped.trials.items()}
    more = [f"stage0.n_trials.{agent}={count + 1}" for agent, count in counts.items()]
    assert project.start("hpo_stage0,refit", "stage0.n_trials.default=1", *more, *SMALL).wait(1800) == 1, project.output()
    return project.output()


def of_stage(studies, stage):
    return {agent: next(s for s in studies if s.study_name.startswith(f"{agent}-{stage}-")) for agent in AGENTS}


def test_a_stopped_command_ends_in_order_and_leaves_no_process(stopped):
    assert stopped.status == 128 + signal.SIGTERM and stopped.left == []
    lines = stopped.output.splitlines()
    assert lines[-1] == "Stopped: search interrupted by SIGTERM: run the same command again to continue"
    closing = next(line for line in lines if " agents finished" in line)
    assert closing.count(" stopped after ") == 2 and " failed" not in closing and "Traceback" not in stopped.output
    assert not [trial for trials in stopped.trials.values() for trial in trials if trial[1] is TrialState.RUNNING]


def test_the_command_continues_each_agent_from_where_it_was(project, stopped, continued):
    after = project.trials()
    for name, trials in stopped.trials.items():
        assert [trial for trial in after[name] if trial in trials] == trials
        # Each of them and one more; what was stopped was trained again.
        assert [state for _, state, _ in after[name]].count(TrialState.COMPLETE) == len(trials) + 1


def test_one_agent_that_fails_leaves_the_others_whole(project, continued):
    lines = continued.splitlines()
    assert "Error: 1 of 2 agents failed (joint: " in lines[-1] and "finished: criteria." in lines[-1]
    closing = next(line for line in lines if " agents finished" in line)
    assert "joint failed: " in closing and "criteria finished in " in closing
    # The shared nodes have run once, here; each agent's process logs its own.
    assert continued.count("saved baselines: ") == 1 and "\ncriteria | " in continued
    assert continued.count("watch the trials (") == 1
    assert list((project.data / "06_models" / "refit" / "criteria").iterdir())
    refits = [trials for name, trials in project.trials().items() if name.startswith("criteria-stage3")]
    assert sorted(len(trials) for trials in refits) == [1, 1]


def test_each_agents_run_is_below_the_commands(project, continued):
    searched = of_stage(project.studies(), "stage0")
    client = mlflow.MlflowClient(f"sqlite:///{project.folder / 'mlruns' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("psy_agents_test").experiment_id
    runs = {run.info.run_id: run for run in client.search_runs([experiment], max_results=1000)}
    for agent, status in (("criteria", "FINISHED"), ("joint", "FAILED")):
        of_study = [run for run in runs.values() if run.data.tags.get("study") == searched[agent].study_name]
        (stage,) = [run for run in of_study if run.data.tags["kind"] == "stage"]
        assert stage.info.run_name == f"{agent} · stage0 · synthetic" and "best_objective" in stage.data.metrics
        assert stage.data.tags["command"].startswith("kedro run --env test --pipelines ")
        (below,) = [run for run in runs.values() if run.info.run_name == agent and run.info.status == status]
        assert runs[below.data.tags["mlflow.parentRunId"]].info.run_name in ("hpo_stage0+refit", "refit+hpo_stage0")
