"""Exclusive locks on files (flock), which the operating system drops when their process ends."""

from __future__ import annotations

import fcntl
from io import FileIO
from pathlib import Path


def wait_for_lock(path: Path) -> FileIO:
    """Lock the file, which is made if it is missing, after any other process that holds the lock; closing it drops the lock."""
    file = path.open("ab+", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except BaseException:
        file.close()
        raise
    return file


def try_lock(path: Path) -> FileIO | None:
    """The same without waiting: None where another process holds the lock."""
    file = path.open("ab+", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except BaseException:
        file.close()
        raise
    return file
