"""The search over a cluster: a scheduler and two Dask workers as processes of their own, with one GPU each, as they say."""

import multiprocessing
import re
import signal
import socket
import sys
from contextlib import ExitStack
from types import SimpleNamespace

import psutil
import pytest
from distributed import Client
from pydantic import ValidationError
from support.search.dask_cluster import started
from support.search.objectives import CANARY
from support.search.program import Program
from support.waiting import PATIENCE, wait_for

from psy_agents.errors import UserError
from psy_agents.hpo import config
from psy_agents.hpo.config import ExecutorConfig, StageConfig, Timeouts
from psy_agents.hpo.study.records import Failure
from psy_agents.hpo.workers import worker as worker_module
from psy_agents.hpo.workers.dask import cluster as dask_cluster
from psy_agents.hpo.workers.dask import relay as dask_relay
from psy_agents.hpo.workers.dask import share as sharing
from psy_agents.hpo.workers.dask import worker as dask_worker
from psy_agents.hpo.workers.dask.cluster import DaskCluster, Relay
from psy_agents.hpo.workers.dask.relay import PrivateMessage, RemoteJob
from psy_agents.hpo.workers.dask.share import Share
from psy_agents.hpo.workers.executor import worker_count
from psy_agents.hpo.workers.worker import WorkerLost
from psy_agents.hpo.workers.worker_process import WorkerJob

LOOSE = {"startup": PATIENCE}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with started(tmp_path_factory.mktemp("cluster"), 2) as cluster:
        yield cluster


@pytest.fixture
def remote(search, cluster):
    def run(**options):
        return search.run(**{"executor": cluster.executor, "timeouts": LOOSE, **options})

    return run


def dask_worker_of(trial_process: int) -> psutil.Process:
    return psutil.Process(trial_process).parent().parent()  # Below it is the fork server.


def test_one_worker_gives_the_records_of_the_local_executor_and_stops_the_same_trials(search, remote, cluster):
    options = {
        "n_trials": 5,
        "sampler": {"n_startup_trials": 2},
        "pruner": {"name": "median", "n_startup_trials": 1, "warmup_ratio": 0},
        "baselines": [{"x": 0.7}, {"x": 0.0}],
    }
    here = search.run(name="here", **options).records
    search.diary.unlink()
    there = remote(name="there", **options)
    assert [(r.params, r.seed, r.state, r.value, r.metrics) for r in there.records] == [
        (r.params, r.seed, r.state, r.value, r.metrics) for r in here
    ]
    assert set(there.states) == {"complete", "pruned"}
    processes = {process for _, process, _ in search.diary_lines()}
    assert len(processes) == 1 and not any(psutil.pid_exists(process) for process in processes)
    assert (there.best.checkpoint / "weights").read_text() == str(there.best.value)
    assert [path.name for path in search.weights.iterdir()] == [there.best.checkpoint.name]


def test_all_workers_of_the_cluster_are_used_and_the_stage_ends_at_its_number_of_trials(search, remote, cluster):
    workers = {"executor": cluster.executor, "timeouts": LOOSE}
    config = StageConfig(name="stage0", label="", n_trials=9, epochs=1, patience=1, workers=workers)
    assert worker_count(config) == 2
    result = remote(n_trials=5, workers="auto", processes=2)
    assert result.states == {"complete": 5}
    assert {record.worker for record in result.records} == {0, 1}
    assert remote(n_trials=5) == result
    assert len(search.diary_lines()) == 5


def test_mishaps_end_as_on_this_machine_and_no_text_reaches_dasks_logs(search, remote, cluster, tmp_path):
    mishaps = {0: "die", 2: "memory", 4: "hang", 6: "error"}
    result = remote(mishaps=mishaps, timeouts={**LOOSE, "silence": 5}, log_dir=tmp_path / "logs")
    assert result.states == {"complete": 3, "failed: error": 1}
    assert search.failures() == ["worker died", "out of memory", "worker hung", "error"]
    assert [(number, divisor) for number, _, divisor in search.diary_lines()] == [
        (0, 1), (1, 1), (2, 1), (3, 2), (4, 1), (5, 1), (6, 1),
    ]  # fmt: skip
    processes = [process for _, process, _ in search.diary_lines()]
    assert processes[0] != processes[1] == processes[2] != processes[3] == processes[4] != processes[5] == processes[6]
    assert not any(psutil.pid_exists(process) for process in processes)
    assert (tmp_path / "logs" / "trial_0006.log").read_text() == "trial 6 runs\n"
    assert CANARY not in cluster.log.read_text()


def test_a_killed_dask_worker_ends_its_trial_which_is_run_again_by_the_stage_alone(search, remote):
    def process() -> int:
        return next(process for number, process, _ in search.diary_lines() if number == 1)

    killer = At(lambda: dask_worker_of(process()).kill())
    result = remote(n_trials=5, workers=2, processes=2, pause=0.3, callbacks=[killer])
    assert result.states == {"complete": 5}
    (lost,) = [trial for trial in search.study().trials if "failure" in trial.user_attrs]
    assert (lost.number, lost.user_attrs["failure"]) == (1, "worker died")
    assert "Dask worker tcp://" in lost.user_attrs["reason"]
    wait_for(lambda: not psutil.pid_exists(process()))
    # Dask starts its lost task again, which must start no trial by itself.
    assert sorted(number for number, _, _ in search.diary_lines()) == list(range(6))


@pytest.mark.parametrize(("signum", "failure"), [(signal.SIGKILL, "orphan of a dead run"), (signal.SIGTERM, "interrupted")])
def test_a_stopped_search_leaves_no_process_on_the_workers_and_continues(search, remote, cluster, tmp_path, signum, failure):
    options = {"n_trials": 5, "workers": 2, "pause": 0.2, "mishaps": {2: "hang hard"}}
    program = Program(tmp_path, **options, executor=cluster.executor, timeouts=LOOSE).process
    wait_for(lambda: len(search.diary_lines()) >= 4)
    program.send_signal(signum)
    program.wait(PATIENCE)
    processes = {process for _, process, _ in search.diary_lines()}
    wait_for(lambda: not any(psutil.pid_exists(process) for process in processes))
    assert remote(n_trials=5, workers=2).states == {"complete": 5}
    assert set(search.failures()) == {failure}


def test_a_second_run_on_the_same_study_through_the_relay_is_refused_with_the_owners_host_and_process(search, remote, cluster, tmp_path):
    program = Program(tmp_path, n_trials=2, mishaps={1: "hang"}, executor=cluster.executor, timeouts=LOOSE).process
    wait_for(lambda: len(search.diary_lines()) >= 2)
    with pytest.raises(UserError, match=f"in use by process {program.pid} on {re.escape(socket.gethostname())}: wait for that run"):
        remote(n_trials=2)
    assert len(search.diary_lines()) == 2 and program.poll() is None
    program.terminate()
    program.wait(PATIENCE)
    assert remote(n_trials=2).states == {"complete": 2}


def test_a_search_that_shares_the_cluster_takes_its_part_and_waits_for_its_turn_as_long_as_others_have_all_places(
    search, remote, cluster, monkeypatch
):
    monkeypatch.setattr(sharing, "_share", Share(rank=1, of=2))
    shared = remote(name="shared", n_trials=3, workers="auto", pause=0.1)
    assert {record.worker for record in shared.records} == {0}
    # Two places, both held by another search: this one's start may take longer than a start, and it begins when they end.
    monkeypatch.setattr(sharing, "_share", Share())
    with ExitStack() as stack:
        there = stack.enter_context(DaskCluster(ExecutorConfig(**cluster.executor), 60))
        job = RemoteJob(WorkerJob("support.search.objectives:Broken", None, 1, None, None), (), None)
        feeds = [multiprocessing.Pipe(duplex=False) for _ in range(2)]
        monkeypatch.setattr(there, "_answer_handshake", lambda relay, handshake: None)  # They hold their places and do nothing.
        others = [there.submit(job, feed) for _, feed in feeds]
        wait_for(lambda: all(relay.placed is not None for relay in others))

        waited, workers = [], []
        start = dask_worker.RemoteWorker.start

        def noted(worker):
            workers.append(worker)
            start(worker)

        monkeypatch.setattr(dask_worker.RemoteWorker, "start", noted)
        looks = DaskCluster.busy_with_others.fget

        def taken(self):
            waited.append(looks(self))
            for relay in others:
                there.end(relay)
            for worker in workers:  # It has outlasted its time; a slow machine may now take longer than that.
                worker._timeouts = Timeouts(startup=PATIENCE)
            return waited[-1]

        monkeypatch.setattr(DaskCluster, "busy_with_others", property(taken))
        result = remote(name="waits", n_trials=1, timeouts={"startup": 10}, max_retries=0)
    assert result.states == {"complete": 1} and waited == [True]


class At:
    """Acts when trial 1 reports for the first time."""

    def __init__(self, act) -> None:
        self.act = act

    def __getattr__(self, event):
        return lambda *args: None

    def epoch_finished(self, record, report):
        if record.number == 1 and report.epoch == 1:
            self.act()


class Impatient(Client):
    """Connects as patiently as any client, and seeks a scheduler that it has lost for a second instead of 30."""

    async def _reconnect(self):
        self._timeout = 1
        await super()._reconnect()


def test_a_lost_scheduler_ends_the_stage_in_one_sentence_and_leaves_no_process(search, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "Client", Impatient)
    with started(tmp_path, 1) as cluster:
        options = {"executor": cluster.executor, "pause": 0.2, "callbacks": [At(cluster.scheduler.kill)]}
        with pytest.raises(UserError, match="Dask scheduler tcp://.* was lost: .* run the same command again to continue"):
            search.run(**options, timeouts=LOOSE)
        wait_for(lambda: not any(psutil.pid_exists(process) for _, process, _ in search.diary_lines()))
    assert search.run().states == {"complete": 4}
    assert search.failures() == ["worker died"]


def test_a_start_that_waits_for_room_has_time_while_any_placed_and_then_as_long_as_a_start(monkeypatch):
    clock = [0.0]
    for module in (worker_module, dask_worker):  # Not the clock itself, by which waiting ends.
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    there = SimpleNamespace(any_placed=True, busy_with_others=False, alone_since=0.0, submit=lambda job, feed: Relay("a", job, feed))
    worker = dask_worker.RemoteWorker(0, SimpleNamespace(job=None), Timeouts(startup=10), there)
    worker.start()
    clock[0] = 11.0
    assert list(worker.messages()) == []
    there.any_placed, there.busy_with_others, clock[0] = False, True, 21.0
    assert list(worker.messages()) == []
    there.busy_with_others, there.alone_since, clock[0] = False, 31.0, 32.0
    assert list(worker.messages()) == []
    clock[0] = 41.0
    assert list(worker.messages()) == [WorkerLost(Failure.DIED, "no Dask worker had room for it within 10 s")]
    worker._relay.placed = 40.0
    assert list(worker.messages()) == []
    clock[0] = 50.0
    assert list(worker.messages()) == [WorkerLost(Failure.HUNG, "silent for 10 s")]


def test_a_refusal_and_an_objective_that_cannot_be_made_end_the_stage(search, remote):
    with pytest.raises(UserError, match="no encoder folder"):
        remote(mishaps={0: "refuse"})
    with pytest.raises(UserError, match="support.search.objectives:Broken cannot be made: ValueError at"):
        remote(objective="support.search.objectives:Broken")
    assert not any(psutil.pid_exists(process) for _, process, _ in search.diary_lines())


def test_a_folder_of_weights_that_a_dask_worker_does_not_see_is_refused_before_any_trial(search, remote, monkeypatch):
    monkeypatch.setattr(dask_worker, "_write_marker", lambda folder, stack: (folder / ".shared", "of another disk"))
    search.weights.mkdir()
    (search.weights / ".shared").write_text("of this disk")
    with pytest.raises(UserError, match="does not see the folder of weights .* keep_checkpoints to 0"):
        remote()
    assert search.diary_lines() == []
    assert remote(n_trials=1, keep_checkpoints=0).states == {"complete": 1}


def test_a_cluster_of_another_version_is_refused(search, remote, monkeypatch):
    monkeypatch.setattr(dask_cluster, "__version__", "0.0.1")
    with pytest.raises(UserError, match="has psy_agents .*, and this machine 0.0.1: install the same"):
        remote()


def test_a_daemon_among_the_dask_workers_is_refused(monkeypatch):
    monkeypatch.setattr(multiprocessing, "current_process", lambda: SimpleNamespace(daemon=True))
    refusal = dask_relay._refusal(SimpleNamespace(marker=None), SimpleNamespace(address="tcp://node:1"), lambda: True)
    assert refusal.startswith("The Dask worker tcp://node:1 may start no process") and "WORKER__DAEMON=False" in refusal


def test_what_the_cluster_lacks_is_reported_with_what_it_has(search, remote, cluster, monkeypatch):
    wait = DaskCluster._wait_for_worker

    def waits_a_second(there):
        there._startup = 1.0  # From here on: the connection may take longer.
        wait(there)

    monkeypatch.setattr(DaskCluster, "_wait_for_worker", waits_a_second)
    executor = {**cluster.executor, "gpus": 4}
    with pytest.raises(UserError, match="No Dask worker with the resource GPU of 4 within 1 s.*2 workers with GPU of 1, 1"):
        remote(executor=executor)
    assert search.study().trials == []


def test_a_scheduler_that_does_not_answer_is_reported(remote):
    with pytest.raises(UserError, match="The Dask scheduler tcp://127.0.0.1:9 does not answer"):
        remote(executor={"name": "dask", "scheduler": "tcp://127.0.0.1:9"}, timeouts={"startup": 1})


def test_without_an_address_the_cluster_is_this_machines_own_and_ends_with_the_stage(search):
    before = set(psutil.Process().children(recursive=True))
    assert search.run(n_trials=2, executor="dask", timeouts=LOOSE).states == {"complete": 2}
    left = [process for process in psutil.Process().children(recursive=True) if process not in before]
    assert not [process for process in left if "distributed" in " ".join(process.cmdline())]
    assert not any(psutil.pid_exists(process) for _, process, _ in search.diary_lines())


def test_a_missing_package_is_reported_with_the_command_that_installs_it(search, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "psy_agents.hpo.workers.dask.worker")
    monkeypatch.delattr("psy_agents.hpo.workers.dask.worker")
    monkeypatch.delitem(sys.modules, "psy_agents.hpo.workers.dask.cluster")
    monkeypatch.delattr("psy_agents.hpo.workers.dask.cluster")
    with pytest.raises(UserError, match=r'pip install -c requirements.lock -e "\.\[cluster\]"'):
        search.run(executor="dask")


def test_the_executor_is_a_name_or_a_block_without_typos():
    assert config.WorkersConfig(executor="dask").executor.name == "dask"
    for wrong in ({"name": "dusk"}, {"scheduler": "tcp://host:8786"}, {"name": "dask", "scheduler": "host"}, {"gpu": 1}):
        with pytest.raises(ValidationError):
            ExecutorConfig(**wrong)


def test_a_message_shows_nothing_of_what_it_holds():
    sealed = PrivateMessage({"text": CANARY})
    assert sealed.open() == {"text": CANARY} and CANARY not in repr(sealed)
