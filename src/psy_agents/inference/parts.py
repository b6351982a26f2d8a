"""Predictions that are not finished: a folder of parts, one a chunk of posts, and a manifest that says of what.

A killed run goes on behind the last whole part. When all are there they are joined, row group by row group, to one
Parquet and one JSONL file, and the folder, with its manifest, is the result.
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
from psy_agents.files.atomic import atomic_write
from psy_agents.files.locks import try_lock
from psy_agents.inference.memory import give_back

log = logging.getLogger(__name__)

PARQUET, JSONL, MANIFEST = "predictions.parquet", "predictions.jsonl", "manifest.json"
ROW_GROUP = 50_000
PYTHON_ROWS = 1_000  # At a time as objects of Python, which take many times the room of a table's.
SCHEMA = pa.schema(
    {
        "post_id": pa.string(),
        "criterion": pa.string(),
        "probability": pa.float64(),
        "predicted": pa.int64(),
        "starts": pa.list_(pa.int64()),
        "ends": pa.list_(pa.int64()),
        "scores": pa.list_(pa.float64()),
    }
)
"""The columns of `psy_agents.evaluation.predictions` without the gold ones, under their names."""


@contextlib.contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """Let no other process work on the agent's predictions in the same folder; the lock goes with the process.

    Raises:
        UserError: one does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = try_lock(folder / f".{name}.lock")
    if lock is None:
        raise UserError(f"Another run is predicting with {name} in the same folder: wait for it, or stop it.")
    with lock:
        yield


class UnfinishedPredictions:
    """The folder of one agent.

    Args:
        folder: made if it is not there; emptied where its manifest is another one.
        manifest: model, posts and settings, all that the predictions depend on.
        name: the agent's, for the log.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], name: str) -> None:
        self.folder = folder
        self._parts, self._needless = folder / "parts", folder / "joined_parts"
        found = self._found_manifest()
        if found is not None and found != manifest:
            changed = [key for key in manifest if found.get(key) != manifest[key]]
            log.warning("%s: begins anew, the unfinished predictions are of another %s", name, ", another ".join(changed))
        if found != manifest:
            shutil.rmtree(folder, ignore_errors=True)
            with atomic_write(folder / MANIFEST) as part:
                part.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @property
    def joined(self) -> bool:
        """Whether both files are there, made of all parts."""
        return all((self.folder / name).is_file() for name in (PARQUET, JSONL)) and not self._parts.exists()

    def holds(self, number: int, rows: int) -> bool:
        """Whether a chunk's part is there, and whole."""
        try:
            return pq.read_metadata(self._part(number)).num_rows == rows
        except (OSError, pa.ArrowException):  # Not there, or damaged: it is made again.
            return False

    def write(self, number: int, table: pa.Table) -> None:
        """Keep a chunk's predictions as its part."""
        with atomic_write(self._part(number)) as part:
            pq.write_table(table, part)

    def join(self, parts: int) -> None:
        """Make the two files of the parts."""
        with atomic_write(self.folder / PARQUET) as table_file, atomic_write(self.folder / JSONL) as lines_file:
            with pq.ParquetWriter(table_file, SCHEMA) as writer, lines_file.open("w", encoding="utf-8") as lines:
                for table in self._grouped(parts):
                    writer.write_table(table, row_group_size=ROW_GROUP)
                    for batch in table.to_batches(max_chunksize=PYTHON_ROWS):
                        lines.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in batch.to_pylist())
                    give_back()
        self._parts.rename(self._needless)  # At once: half of the parts would be taken for all that was done.

    def tidy(self) -> Path:
        """The folder with nothing but the result: the two files and the manifest."""
        shutil.rmtree(self._needless, ignore_errors=True)
        return self.folder

    def _grouped(self, parts: int) -> Iterator[pa.Table]:
        """Tables of about ``ROW_GROUP`` rows."""
        waiting: list[pa.Table] = []
        for number in range(parts):
            waiting.append(pq.read_table(self._part(number)))
            if sum(map(len, waiting)) >= ROW_GROUP or number == parts - 1:
                yield pa.concat_tables(waiting)
                waiting = []

    def _part(self, number: int) -> Path:
        return self._parts / f"{number:08d}.parquet"

    def _found_manifest(self) -> dict[str, Any] | None:
        try:
            return json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:  # Damaged: whatever stands beside it is of nothing known.
            return {}
