"""Small corpora, damaged at random: what people's files look like when something went wrong on the way."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pandas as pd
from support.fuzzed.byte_damages import BYTE_DAMAGES
from support.fuzzed.draft import CRITERIA, Rows, valid_draft
from support.fuzzed.table_damages import TABLE_DAMAGES

from psy_agents.corpus.config import (
    AlignmentSettings,
    Columns,
    CorpusSettings,
    Files,
    Policies,
    PostColumns,
    SplitSettings,
)


@dataclass(frozen=True)
class FuzzedCorpus:
    """Three files and the settings to read them with.

    Attributes:
        posts, annotations: header and rows as they were written; None where bytes were damaged afterwards.
    """

    files: dict[str, bytes]
    settings: CorpusSettings
    posts: Rows | None
    annotations: Rows | None

    def write(self, folder: Path) -> None:
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


def fuzzed_corpus(seed: int, damages: Sequence[str]) -> FuzzedCorpus:
    """A corpus with the named damages, in formats and under settings that the seed draws."""
    random = Random(seed)
    draft = valid_draft(random)
    for damage in damages:
        if damage in TABLE_DAMAGES and draft.posts and draft.annotations:
            TABLE_DAMAGES[damage](draft, random)
    suffix = random.choice((".csv", ".csv", ".tsv", ".jsonl", ".csv.gz", ".jsonl.gz", ".parquet"))
    if any(len(set(header)) < len(header) for header in (draft.posts[0:1] or [[]]) + (draft.annotations[0:1] or [[]])):
        suffix = ".csv"  # The writers of the other formats refuse a name that stands twice.
    names = {"posts": f"posts{suffix}", "annotations": f"annotations{suffix}"}
    tables = {names["posts"]: draft.posts, names["annotations"]: draft.annotations}
    contents = {name: _written(rows, name, random) for name, rows in tables.items()}
    contents["criteria.json"] = _written_criteria(draft.criteria)
    damaged = set()
    for damage in damages:
        if damage in BYTE_DAMAGES:
            target = random.choice(list(contents))
            contents[target] = BYTE_DAMAGES[damage](contents[target], random)
            damaged.add(target)
    return FuzzedCorpus(
        files=contents,
        settings=_random_settings(random, names),
        posts=None if names["posts"] in damaged else draft.posts,
        annotations=None if names["annotations"] in damaged else draft.annotations,
    )


def plain_corpus(damage: str, seed: int = 0) -> FuzzedCorpus:
    """CSV files with one damage under the default settings, for a run of the whole program."""
    random = Random(seed)
    draft = valid_draft(random)
    if damage in TABLE_DAMAGES:
        TABLE_DAMAGES[damage](draft, random)
    posts, annotations = (_csv(rows, ",") for rows in (draft.posts, draft.annotations))
    if damage in BYTE_DAMAGES:
        posts = BYTE_DAMAGES[damage](posts, random)
    files = {"posts.csv": posts, "annotations.csv": annotations, "criteria.json": _written_criteria(draft.criteria)}
    return FuzzedCorpus(files, CorpusSettings(), None, None)


def corpus_with_a_long_cell(table: str, column: int, characters: int) -> FuzzedCorpus:
    """CSV files under the default settings; the first row of one table has a cell of so many characters more."""
    draft = valid_draft(Random(3))
    getattr(draft, table)[1][column] += "zqlong " * (characters // 7)
    files = {"posts.csv": _csv(draft.posts, ","), "annotations.csv": _csv(draft.annotations, ",")}
    files["criteria.json"] = _written_criteria(draft.criteria)
    return FuzzedCorpus(files, CorpusSettings(), draft.posts, draft.annotations)


def _written(rows: Rows, name: str, random: Random) -> bytes:
    if not rows:
        return b""
    if name.endswith(".parquet"):
        buffer = io.BytesIO()
        pd.DataFrame(rows[1:], columns=rows[0], dtype=str).to_parquet(buffer)
        return buffer.getvalue()
    if ".jsonl" in name:
        lines = (json.dumps(dict(zip(rows[0], row, strict=True)), ensure_ascii=random.random() < 0.5) for row in rows[1:])
        content = "\n".join(lines).encode()
    else:
        content = _csv(rows, "\t" if name.endswith(".tsv") else ",", random.choice(("\n", "\r\n")))
    if random.random() < 0.2:
        content = codecs.BOM_UTF8 + content
    return gzip.compress(content, mtime=0) if name.endswith(".gz") else content


def _csv(rows: Rows, delimiter: str, line_end: str = "\n") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    return text.getvalue().encode()


def _written_criteria(criteria: list[tuple[object, object]]) -> bytes:
    pairs = ", ".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in criteria)
    return f"{{{pairs}}}".encode()


def _random_settings(random: Random, names: dict[str, str]) -> CorpusSettings:
    refuse_or_not = ("error", "set_aside", "set_aside", "set_aside")
    by_column = random.random() < 0.2
    return CorpusSettings(
        files=Files(**names),
        columns=Columns(posts=PostColumns(split="split" if by_column else None)),
        max_posts=random.choice((None, None, None, 8)),
        alignment=AlignmentSettings(
            mode=random.choice(("strict", "drop", "drop", "keep_for_classification")),
            fuzzy_threshold=random.choice((None, 0.7, 0.9)),
        ),
        policies=Policies(
            conflicting_status=random.choice(("any_positive", "all_positive", "drop")),
            labels={random.choice(("SPECIAL_CASE",) * 9 + CRITERIA[:1]): random.choice(("ignore", "own_class", "error"))},
            unknown_labels=random.choice(("ignore", "own_class", "own_class", "error")),
            posts_without_rows=random.choice(("negatives", "set_aside")),
            orphan_rows=random.choice(refuse_or_not),
            blank_texts=random.choice(refuse_or_not),
            duplicate_posts=random.choice(("keep", "set_aside")),
        ),
        splits=SplitSettings(
            method="column" if by_column else random.choice(("ratios", "folds")),
            folds=3,
            fold=random.randrange(3),
            near_duplicates=random.choice((None, 0.5, 0.8)),
            seed=random.randrange(1000),
        ),
    )
