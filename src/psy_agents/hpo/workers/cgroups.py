"""What a container lets this process use: its control groups' limits of CPU time and memory (Linux, versions 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
GIB = 2**30


def cpu_quota(root: Path = ROOT) -> float | None:
    """Cores' worth of CPU time that the control groups allow; None where they set no limit.

    Source: Documentation/admin-guide/cgroup-v2.rst (``cpu.max``) and cgroup-v1 (``cpu.cfs_quota_us``) of the Linux kernel.
    """
    quotas = []
    for folder in _groups(root, "cpu"):
        words = _words(folder / "cpu.max") or [*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us")]
        if len(words) == 2 and words[0] not in ("max", "-1"):
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def available_memory(root: Path = ROOT) -> int | None:
    """Bytes that may still be used: the kernel's MemAvailable, or less where a control group allows less.

    File pages that a group could give back count as free. None where the system has neither, as on macOS.
    """
    sizes = []
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            sizes.append(int(line.split()[1]) * 1024)
    for folder in _groups(root, "memory"):
        limit = _words(folder / "memory.max") or _words(folder / "memory.limit_in_bytes")
        used = _words(folder / "memory.current") or _words(folder / "memory.usage_in_bytes")
        if limit and used and limit[0] != "max":
            statistics = dict(line.split() for line in _lines(folder / "memory.stat"))
            # Version 1 counts a group's own pages there, and its children's under total_.
            reclaimable = int(statistics.get("total_inactive_file", statistics.get("inactive_file", 0)))
            sizes.append(max(0, int(limit[0]) - int(used[0]) + reclaimable))
    return min(sizes, default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those above it; each may set a limit."""
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            top = root / "sys/fs/cgroup"
        elif controller in controllers.split(","):
            top = root / "sys/fs/cgroup" / controller
        else:
            continue
        place = top / path.lstrip("/")
        yield from (folder for folder in (place, *place.parents) if folder.is_relative_to(top))


def _words(file: Path) -> list[str]:
    return [word for line in _lines(file) for word in line.split()]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):  # Another system, or a limit that is not set.
        return []
