"""Detects network file systems, on which sqlite's locks and write-ahead log do not work."""

from __future__ import annotations

import re
from pathlib import Path

from psy_agents.files.links import real_path

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "fhgfs", "fuse.ceph", "fuse.cephfs", "fuse.glusterfs", "fuse.juicefs",
    "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs",
    "panfs", "pvfs2", "smb3", "smbfs", "wekafs",
}  # fmt: skip


def network_file_system(path: Path, mounts: str | None = None) -> str | None:
    """The type of the network file system that holds the path; None for a local or unknown one.

    Args:
        mounts: text of Linux's ``mountinfo`` (man proc_pid_mountinfo); other systems have none.
    """
    if mounts is None:
        if not MOUNTS.is_file():
            return None
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    place = real_path(path)  # Links are resolved, also for a file that does not exist yet.
    best, kind = -1, None
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        # A later mount on the same point hides an earlier one.
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split()[0]
    return kind if kind in NETWORK else None
