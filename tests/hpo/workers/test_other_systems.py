"""What only Linux, glibc or x86 has may be missing: simulated, for there is no other machine."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from psy_agents.files.file_systems import network_file_system
from psy_agents.hpo.config import StageConfig, WorkersConfig
from psy_agents.hpo.workers import cgroups, layout, resources, worker
from psy_agents.training import precision


@pytest.mark.parametrize("operators", [SimpleNamespace(), SimpleNamespace(_is_mkldnn_bf16_supported=lambda: False)])
def test_automatic_precision_is_float32_where_torch_has_no_onednn(monkeypatch, operators):
    monkeypatch.setattr(torch.ops, "mkldnn", operators)
    monkeypatch.setattr(precision, "_cpu_flags", lambda: {"avx512_bf16"})
    assert precision.bfloat16_is_faster.__wrapped__() is False
    assert precision.resolve_precision("bfloat16", torch.device("cpu")) is torch.bfloat16


def test_cores_memory_and_disks_are_found_without_affinity_and_proc(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(resources, "cpu_quota", lambda: cgroups.cpu_quota(tmp_path))
    monkeypatch.setattr(layout, "available_memory", lambda: cgroups.available_memory(tmp_path))
    monkeypatch.setattr("psy_agents.files.file_systems.MOUNTS", tmp_path / "none")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert resources.cpu_cores() == os.cpu_count()
    workers = WorkersConfig(count=1, threads=1)
    stage = StageConfig(name="a", label="", n_trials=2, epochs=1, patience=1, workers=workers)
    assert layout.choose_layout(stage, None).workers == 1
    assert network_file_system(tmp_path) is None


def test_a_search_runs_in_spawned_workers_and_replaces_one_that_died(search, monkeypatch):
    monkeypatch.setattr(worker, "START_METHOD", "spawn")
    result = search.run(n_trials=3, workers=2, mishaps={1: "die"})
    assert result.states == {"complete": 3} and search.failures() == ["worker died"]


def test_windows_is_refused_in_one_sentence():
    program = "import sys; sys.platform = 'win32'; import psy_agents.app"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert ended.returncode == 1
    assert ended.stderr == (
        "psy_agents does not run on Windows: use it in the Windows Subsystem for Linux (WSL), with the project on its own disk.\n"
    )
