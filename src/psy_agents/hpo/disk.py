"""Disk space: what is free, and what weights need."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from rich.filesize import decimal

from psy_agents.agents.registry import spec
from psy_agents.errors import UserError


def free_bytes(path: str | Path) -> int:
    """Free bytes on the disk of a path, which need not exist yet."""
    return shutil.disk_usage(_existing(path)).free


def check_space(path: str | Path, needed: int) -> None:
    """Check that the disk of a path has enough free space.

    Raises:
        UserError: it has not.
    """
    free = free_bytes(path)
    if free < needed:
        raise UserError(
            f"The disk of {path} has {decimal(free)} free, but {decimal(needed)} may be needed: free some space, "
            "keep fewer checkpoints, or choose another folder."
        )


def _existing(path: str | Path) -> Path:
    path = Path(path).absolute()
    return next(place for place in (path, *path.parents) if place.exists())


ADAPTERS = 0.1 / 64
"""Most of an encoder's bytes that adapters of rank 1 have: those of rank 64 on all linear layers have 10 % of BERT base's, 7 % of Llama 3.2
1B's in bfloat16."""


def encoder_bytes(agent: str, folders: Iterable[Path], lora_rank: int = 0) -> int:
    """Largest size of one trial's weights: the largest encoder of the search space, once for each encoder of the agent.

    Args:
        lora_rank: the highest rank of a search in which all trials have adapters, of which they alone are saved; else 0.
    """
    share = 1.0 if lora_rank == 0 else lora_rank * ADAPTERS
    return int(share * len(spec(agent).encoders) * max((size_of(folder) for folder in folders), default=0))


def size_of(folder: Path) -> int:
    """Total size in bytes of the files below a folder; 0 if there is no such folder."""
    size = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # A running search may delete the file meanwhile.
            size += file.lstat().st_size if file.is_file() else 0
    return size
