"""GPUs of one machine among several Dask workers; the GPUs are names here, and the other Dask worker is a process."""

import subprocess
import sys
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from support.programs.preloaded import environment

from psy_agents.errors import UserError
from psy_agents.hpo.workers.dask import relay as dask_relay
from psy_agents.hpo.workers.dask.gpu_claims import GpuClaims
from psy_agents.hpo.workers.worker_process import WorkerJob

HOLD = """
import sys
from pathlib import Path
from psy_agents.hpo.workers.dask.gpu_claims import GpuClaims
folder, most, *gpus = sys.argv[1:]
with GpuClaims(Path(folder)).least_used(gpus, int(most)) as gpu:
    print(gpu, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def another(tmp_path):
    """Another Dask worker's process, which has taken one of the GPUs until it is killed."""
    started = []

    def take(gpus, most=1):
        command = [sys.executable, "-c", HOLD, str(tmp_path), str(most), *gpus]
        process = subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process.stdout.readline().strip(), process

    yield take
    for process in started:
        process.kill()
        process.communicate()


def test_dask_workers_that_see_the_same_gpus_take_different_ones_and_a_dead_ones_is_free(tmp_path, another):
    gpus = ["0", "1"]
    taken, process = another(gpus)
    here = GpuClaims(tmp_path)
    with here.least_used(gpus, 1) as gpu:
        assert {taken, gpu} == set(gpus)
        with pytest.raises(UserError, match=r"use all GPUs that this one sees \(0, 1\): .* CUDA_VISIBLE_DEVICES, or start fewer"):
            GpuClaims(tmp_path).least_used(gpus, 1).__enter__()
        process.kill()
        process.wait()
        with GpuClaims(tmp_path).least_used(gpus, 1) as third:
            assert third == taken
    with GpuClaims(tmp_path).least_used(gpus, 2) as first:
        assert first == "0"  # What has ended has given all back.


def test_a_dask_workers_trials_fill_as_many_gpus_as_it_may_claim_and_then_share_them(tmp_path):
    here = GpuClaims(tmp_path)
    with ExitStack() as stack:
        taken = [stack.enter_context(here.least_used(["0", "1", "2"], 2)) for _ in range(4)]
        assert taken == ["0", "1", "0", "1"]
        with GpuClaims(tmp_path).least_used(["0", "1", "2"], 2) as other:
            assert other == "2"


def test_gpus_of_its_own_are_taken_without_a_claim(tmp_path):
    with GpuClaims(tmp_path).least_used(["4", "5"], None) as first, GpuClaims(tmp_path).least_used(["4", "5"], None) as second:
        assert first == second == "4"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "resources", "expected"), [(None, {"GPU": 2.0}, ["0", "1", "0"]), (None, {}, ["0", "0", "0"]), ("3", {}, ["3"] * 3)]
)
def test_the_relay_claims_as_many_as_its_dask_worker_declares(tmp_path, monkeypatch, variable, resources, expected):
    monkeypatch.setattr(dask_relay, "_gpus", GpuClaims(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(dask_relay, "visible_gpus", lambda: ["0", "1", "2"])
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
        monkeypatch.setattr(dask_relay, "visible_gpus", lambda: [variable])
    dask_worker = SimpleNamespace(state=SimpleNamespace(total_resources=resources, nthreads=1))
    job = WorkerJob("module:Class", None, 1, None, None)
    with ExitStack() as stack:
        assert [stack.enter_context(dask_relay._device(job, dask_worker)) for _ in range(3)] == expected
