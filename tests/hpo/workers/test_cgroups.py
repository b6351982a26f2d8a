"""Limits of a container, read from files as the kernel writes them."""

from pathlib import Path

import pytest

from psy_agents.hpo.workers import resources
from psy_agents.hpo.workers.cgroups import GIB, available_memory, cpu_quota


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


MEMINFO = {"proc/meminfo": "MemTotal: 33554432 kB\nMemAvailable: 16777216 kB"}
VERSION_2 = {"proc/self/cgroup": "0::/jobs/mine", **MEMINFO}
VERSION_1 = {"proc/self/cgroup": "5:cpu,cpuacct:/job\n8:memory:/job\n9:name=systemd:/", **MEMINFO}
JOB = "sys/fs/cgroup/jobs"


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({**VERSION_2, f"{JOB}/mine/cpu.max": "150000 100000"}, 1.5),
        ({**VERSION_2, f"{JOB}/mine/cpu.max": "max 100000", f"{JOB}/cpu.max": "400000 100000"}, 4.0),
        ({**VERSION_2, f"{JOB}/mine/cpu.max": "max 100000"}, None),
        ({**VERSION_2, "proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "200000 100000"}, 2.0),
        ({**VERSION_1, "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "300000", "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000"}, 3.0),
        ({**VERSION_1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_least_share_of_the_cpu_counts(tmp_path, files, quota):
    assert cpu_quota(system(tmp_path, files)) == quota


@pytest.mark.parametrize(
    ("files", "gib"),
    [
        (VERSION_2, 16),
        (VERSION_2 | {f"{JOB}/memory.max": str(8 * GIB), f"{JOB}/memory.current": str(5 * GIB)}, 3),
        (VERSION_2 | {f"{JOB}/memory.max": "max", f"{JOB}/memory.current": str(5 * GIB)}, 16),
        (
            VERSION_2
            | {f"{JOB}/memory.max": str(8 * GIB), f"{JOB}/memory.current": str(5 * GIB)}
            | {f"{JOB}/memory.stat": f"anon 1\ninactive_file {GIB}"},
            4,
        ),
        (
            VERSION_1
            | {"sys/fs/cgroup/memory/job/memory.limit_in_bytes": str(4 * GIB)}
            | {"sys/fs/cgroup/memory/job/memory.usage_in_bytes": str(GIB)},
            3,
        ),
    ],
)
def test_the_least_memory_counts_and_file_pages_are_free(tmp_path, files, gib):
    assert available_memory(system(tmp_path, files)) == gib * GIB


def test_a_system_that_reports_no_memory_has_no_limit(tmp_path):
    assert available_memory(tmp_path) is None


@pytest.mark.parametrize(("quota", "cores"), [(None, 8), (2.9, 2), (0.5, 1), (64.0, 8)])
def test_a_containers_share_limits_the_cores(monkeypatch, quota, cores):
    monkeypatch.setattr(resources.os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(resources, "cpu_quota", lambda: quota)
    assert resources.cpu_cores() == cores
