"""Temporary folders that the next start removes where a kill left them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psy_agents.files.processes import is_alive


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new temporary folder, which is removed at the end of the block."""
    folder = new_temporary_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_temporary_folder() -> Path:
    """A new temporary folder, whose name holds this process's id; removes those of dead processes of this user and host first."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_prefix()}*"):
        found = re.match(rf"{_prefix()}(\d+)-", folder.name)
        if found and not is_alive(int(found[1])) and not folder.is_symlink() and folder.lstat().st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_prefix()}{os.getpid()}-"))


def _prefix() -> str:
    """Short, for the sockets inside: their paths have at most 107 characters. The host's name: containers may share the folder."""
    return f"psya-{hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]}-"
