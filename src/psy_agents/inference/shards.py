"""Predictions of a large file, written shard by shard: a folder with one Parquet file a chunk of posts and a manifest.

A killed run resumes after its last complete shard. Once all shards are there, they are merged into one Parquet and one
JSONL file; the folder with these two files and the manifest is the result.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import SCHEMA
from psy_agents.files.atomic import atomic_write
from psy_agents.files.locks import try_lock
from psy_agents.training.allocator import release_freed_memory

log = logging.getLogger(__name__)

PARQUET, JSONL, MANIFEST = "predictions.parquet", "predictions.jsonl", "manifest.json"
ROW_GROUP = 50_000
JSONL_ROWS = 1_000  # Rows that are Python objects at a time: these take many times the memory of a table.


@contextlib.contextmanager
def exclusive_lock(folder: Path, agent: str) -> Iterator[None]:
    """Hold the lock on the agent's predictions in this folder; it is released when the process ends.

    Raises:
        UserError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = try_lock(folder / f".{agent}.lock")
    if lock is None:
        raise UserError(f"Another run is predicting with {agent} in the same folder: wait for it, or stop it.")
    with lock:
        yield


class PredictionShards:
    """The folder of one agent's shards.

    Args:
        folder: created if missing; emptied if its manifest differs.
        manifest: everything the predictions depend on: model, posts and settings.
        agent: its name, for the log.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], agent: str) -> None:
        self.folder = folder
        self._shards, self._merged_shards = folder / "shards", folder / "merged_shards"
        found = self._read_manifest()
        if found is not None and found != manifest:
            changed = [key for key in manifest if found.get(key) != manifest[key]]
            log.warning("%s: starts over, the unfinished predictions are of another %s", agent, ", another ".join(changed))
        if found != manifest:
            shutil.rmtree(folder, ignore_errors=True)
            with atomic_write(folder / MANIFEST) as part:
                part.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @property
    def merged(self) -> bool:
        """Whether both files exist and hold all shards."""
        return all((self.folder / name).is_file() for name in (PARQUET, JSONL)) and not self._shards.exists()

    def is_complete(self, number: int, rows: int) -> bool:
        """Whether the shard with this number exists and has this many rows."""
        try:
            return pq.read_metadata(self._shard(number)).num_rows == rows
        except (OSError, pa.ArrowException):  # Missing or damaged: it is written again.
            return False

    def write(self, number: int, table: pa.Table) -> None:
        """Write a chunk's predictions as its shard."""
        with atomic_write(self._shard(number), private=True) as part:
            pq.write_table(table, part)

    def merge(self, shards: int) -> None:
        """Write the two files from this many shards."""
        files = (atomic_write(self.folder / name, private=True) for name in (PARQUET, JSONL))
        with next(files) as table_file, next(files) as lines_file:
            with pq.ParquetWriter(table_file, SCHEMA) as writer, lines_file.open("w", encoding="utf-8") as lines:
                for table in self._row_groups(shards):
                    writer.write_table(table, row_group_size=ROW_GROUP)
                    for batch in table.to_batches(max_chunksize=JSONL_ROWS):
                        lines.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in batch.to_pylist())
                    release_freed_memory()
        self._shards.rename(self._merged_shards)  # In one step: a folder with half of the shards would pass for unfinished work.

    def finish(self) -> Path:
        """Delete the merged shards and return the folder: the two files and the manifest."""
        shutil.rmtree(self._merged_shards, ignore_errors=True)
        return self.folder

    def _row_groups(self, shards: int) -> Iterator[pa.Table]:
        """Tables of about ``ROW_GROUP`` rows."""
        waiting: list[pa.Table] = []
        for number in range(shards):
            waiting.append(pq.read_table(self._shard(number)))
            if sum(map(len, waiting)) >= ROW_GROUP or number == shards - 1:
                yield pa.concat_tables(waiting)
                waiting = []

    def _shard(self, number: int) -> Path:
        return self._shards / f"{number:08d}.parquet"

    def _read_manifest(self) -> dict[str, Any] | None:
        try:
            return json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:  # Damaged: nothing is known about the other files.
            return {}
