"""Agents side by side over a Dask cluster, by one command, as a user's shell runs it."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import datetime
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
SMALL = ("stage0.n_trials=2", "refit.stage=stage0", "refit.candidates=1", "refit.n_seeds=1", "refit.mlflow_model=false")


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


def span(study: optuna.Study) -> tuple:
    return min(t.datetime_start for t in study.trials), max(t.datetime_complete for t in study.trials)


def of_stage(studies, stage):
    return {agent: next(s for s in studies if s.study_name.startswith(f"{agent}-{stage}-")) for agent in AGENTS}


def test_agents_run_at_once_and_one_that_fails_leaves_the_others_whole(project):
    blocked = project.data / "07_model_output" / "hpo_stage0" / "joint_joint-stage0-sanity_topk.json"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("where a folder of versions should be")
    assert project.start("hpo_stage0,refit", *SMALL).wait(1800) == 1, project.output()
    output = project.output()
    lines = output.splitlines()
    assert "Error: 1 of 2 agents failed (joint: " in lines[-1] and "finished: criteria." in lines[-1]
    closing = next(line for line in lines if " agents finished" in line)
    assert "joint failed: " in closing and "criteria finished in " in closing
    # The shared nodes have run once, here; each agent's process logs its own.
    assert output.count("saved posts: ") == output.count("saved baselines: ") == 1 and "\ncriteria | " in output
    assert output.count("watch the trials (") == 1
    assert list((project.data / "06_models" / "refit" / "criteria").iterdir())
    # In stage 0 there was a moment at which trials of both agents ran.
    searched = of_stage(project.studies(), "stage0")
    spans = [span(study) for study in searched.values()]
    assert max(begin for begin, _ in spans) < min(end for _, end in spans)
    finished = [(name, state) for name, trials in project.trials().items() for _, state, _ in trials]
    assert {state for _, state in finished} == {TrialState.COMPLETE}
    assert [name.startswith("criteria-") for name, _ in finished].count(True) == 2 + 1 + 1

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


def test_a_killed_or_stopped_command_leaves_no_process_and_runs_again_from_where_it_was(project):
    # Two at once, with trials without end: however slow a start is, the agent before it still has trials to run.
    command = ("stage0.seed=1", "agents_at_once=2", "stage0.n_trials=1000")
    known = set(project.trials())

    def studies() -> list[optuna.Study]:
        return [study for study in project.studies() if study.study_name not in known]

    def begun() -> tuple[subprocess.Popen, list[psutil.Process]]:
        """The command and all of its processes, as soon as trials of two agents run that began after it."""
        start = datetime.now()
        program = project.start("hpo_stage0", *command, agents=(*AGENTS, "share"))

        def runs(study: optuna.Study) -> bool:
            return any(t.state is TrialState.RUNNING and t.datetime_start >= start for t in study.trials)

        def two_run() -> bool:
            assert program.poll() is None, project.output()
            return sum(map(runs, studies())) == 2

        wait_for(two_run)
        family = psutil.Process(program.pid).children(recursive=True)
        assert sum("psy_agents.app.agent_process" in each.cmdline() for each in family) == 2
        return program, family

    def none_is_left(family: list[psutil.Process]) -> None:
        assert psutil.wait_procs(family, timeout=PATIENCE)[1] == []
        wait_for(lambda: project.cluster.trial_processes() == [])

    program, family = begun()
    program.kill()
    program.wait(PATIENCE)
    none_is_left(family)
    before = project.trials()

    program, family = begun()
    program.terminate()
    assert program.wait(PATIENCE) == 128 + signal.SIGTERM
    none_is_left(family)
    output = project.output()
    assert output.splitlines()[-1] == "Stopped: search interrupted by SIGTERM: run the same command again to continue"
    closing = next(line for line in output.splitlines() if " agents finished" in line)
    assert closing.count(" stopped after ") >= 2 and " failed" not in closing and "Traceback" not in output
    assert not [t for study in studies() for t in study.trials if t.state is TrialState.RUNNING]
    after = project.trials()
    for name, trials in before.items():
        assert [t for t in after[name] if t in trials] == [t for t in trials if t[1] is not TrialState.RUNNING]
