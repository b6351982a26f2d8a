"""Disk space: what is free, and what weights need."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from rich.filesize import decimal

from psy_agents.agents.encoders.loading import locate_encoder
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


def trial_bytes(agent: str, ranks: Iterable[tuple[str, int]], *, download: bool = True) -> int:
    """Largest size of one trial's weights, once for each encoder of the agent.

    Args:
        ranks: encoder and rank of adapters of each kind of trial (`SearchSpaceConfig.ranks`). With a rank above 0 a trial saves its
            adapters alone, else the whole encoder.
        download: whether an encoder that is not on this machine is fetched.

    Raises:
        UserError: an encoder is not found.
    """
    sizes = [size_of(locate_encoder(encoder, download=download)) * (rank * ADAPTERS if rank else 1) for encoder, rank in set(ranks)]
    return int(len(spec(agent).encoders) * max(sizes))


def size_of(folder: Path) -> int:
    """Total size in bytes of the files below a folder; 0 if there is no such folder."""
    size = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # A running search may delete the file meanwhile.
            size += file.stat().st_size if file.is_file() else 0  # The hub's cache has links to its files.
    return size
