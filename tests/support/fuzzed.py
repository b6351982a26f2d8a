"""Small corpora, damaged at random: what people's files look like when something went wrong on the way.

Every word of a post, a sentence or an explanation holds TEXT_MARK, and every id of a post holds ID_MARK where it
holds letters, so that a message that quotes any part of a cell gives itself away.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pandas as pd

from psy_agents.corpus.config import (
    AlignmentSettings,
    Columns,
    CorpusSettings,
    Files,
    Policies,
    PostColumns,
    SplitSettings,
)

TEXT_MARK = "zq"
ID_MARK = "qzid"
NUMBER_MARK = "90071992"  # of ids that are numbers
STEMS = ("zqbano", "mizqo", "zqtelu", "Razqin", "zqé", "zqß", "ZQON", "zqmañ", "眠zq", "zq🙂", "zq’t", "“zqil”", "zq—re")
ENDS = (". ", "! ", "?\n", "… ", ".\r\n\r\n", ".  ")
CRITERIA = ("SLEEP", "mood/low", "A 3", "疲れ")
EXPLANATION = "zqexplains, at “zqlength”"

Rows = list[list[str]]


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


@dataclass
class _Draft:
    """Tables whose first row is the header, and what the criteria file will hold as (id, text)."""

    posts: Rows
    annotations: Rows
    criteria: list[tuple[object, object]]


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


def valid_draft(random: Random) -> _Draft:
    """Ten to twenty posts of one to eight sentences, some of them annotated; long posts among them."""
    posts = [["post_id", "text", "split"]]
    annotations = [["post_id", "sentence_id", "sentence_text", "DSM5_symptom", "status", "explanation"]]
    criteria = list(CRITERIA[: random.randint(1, len(CRITERIA))])
    for number in range(random.randint(10, 20)):
        post_id = f"{ID_MARK}_{number:03d}"
        sentences = [_sentence(random) for _ in range(200 if random.random() < 0.03 else random.randint(1, 8))]
        text = "".join(sentence + random.choice(ENDS) for sentence in sentences)
        posts.append([post_id, text, ("train", "dev", "test")[number % 3]])
        for order in range(random.choice((0, 0, 1, 1, 2, 3))):
            row = [post_id, str(order), random.choice(sentences), random.choice(criteria), random.choice("011"), EXPLANATION]
            annotations.append(row)
    annotations.append([posts[1][0], "0", sentences[0], criteria[0], "0", EXPLANATION])
    return _Draft(posts, annotations, [(criterion, f"The text of {criterion}.") for criterion in criteria])


def _sentence(random: Random) -> str:
    return " ".join(random.choice(STEMS) + str(random.randint(0, 999)) for _ in range(random.randint(1, 12)))


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


# Damages to tables. Each takes the draft and changes it in place.


def _table(draft: _Draft, random: Random) -> Rows:
    return random.choice((draft.posts, draft.annotations))


def _some_rows(rows: Rows, random: Random) -> Rows:
    """One to three rows below the header; the same lists, to be changed."""
    return random.sample(rows[1:], min(len(rows) - 1, random.randint(1, 3)))


def _swap_columns(draft: _Draft, random: Random) -> None:
    """Two names in the header change places, not their cells."""
    header = _table(draft, random)[0]
    first, second = random.choices(range(len(header)), k=2)
    header[first], header[second] = header[second], header[first]


def _drop_column(draft: _Draft, random: Random) -> None:
    rows = _table(draft, random)
    place = random.randrange(len(rows[0]))
    for row in rows if len(rows[0]) > 1 else []:
        del row[place]


def _drop_header(draft: _Draft, random: Random) -> None:
    del _table(draft, random)[0]


def _duplicate_header(draft: _Draft, random: Random) -> None:
    header = _table(draft, random)[0]
    first, second = random.choices(range(len(header)), k=2)
    header[first] = header[second]


def _spaces_in_header(draft: _Draft, random: Random) -> None:
    header = _table(draft, random)[0]
    header[0] = f" {header[0]} "


def _odd_ids(draft: _Draft, random: Random) -> None:
    """Ids that are paths, numbers or several lines, the same in both tables."""
    odd: Callable[[int], str] = random.choice(
        (
            lambda n: f"../{ID_MARK}/{n}",
            lambda n: f"{ID_MARK} {n} b",
            lambda n: f"{ID_MARK}\n{n}",
            lambda n: f"000{NUMBER_MARK}{n}",
            lambda n: f"{NUMBER_MARK}{n}",
            lambda n: f"{NUMBER_MARK}{n}.0",
            lambda n: f'{ID_MARK}",{n}',
            lambda n: f"{ID_MARK}é’{n}" * 50,
        )
    )
    new = {row[0]: odd(number) for number, row in enumerate(draft.posts[1:])}
    for rows in (draft.posts, draft.annotations):
        for row in rows[1:]:
            row[0] = new.get(row[0], row[0])


def _duplicate_ids(draft: _Draft, random: Random) -> None:
    for row in _some_rows(draft.posts, random):
        row[0] = draft.posts[1][0] + random.choice(("", " ", "\n"))


def _blank_cells(draft: _Draft, random: Random) -> None:
    for row in _some_rows(_table(draft, random), random):
        row[random.randrange(len(row))] = random.choice(("", " ", "\n\t", "\u00a0", "\u200b"))


def _duplicate_rows(draft: _Draft, random: Random) -> None:
    rows = _table(draft, random)
    rows.extend(list(row) for row in _some_rows(rows, random))


def _orphans(draft: _Draft, random: Random) -> None:
    for row in _some_rows(draft.annotations, random):
        row[0] = f"{ID_MARK}_gone_{random.randint(0, 9)}"


def _wrong_status(draft: _Draft, random: Random) -> None:
    for row in _some_rows(draft.annotations, random):
        row[4 % len(row)] = random.choice(("2", "-1", "1.0", "yes", "", "zqtrue", "１"))


def _conflicts(draft: _Draft, random: Random) -> None:
    for row in _some_rows(draft.annotations, random):
        other = list(row)
        other[4 % len(row)] = "1" if other[4 % len(row)] == "0" else "0"
        draft.annotations.append(other)


def _unknown_labels(draft: _Draft, random: Random) -> None:
    """Labels, ids and texts in the column of labels; of a text also a single word, or one without spaces."""
    for row in _some_rows(draft.annotations, random):
        row[3 % len(row)] = random.choice(
            ("SPECIAL_CASE", "ANGER", "sleep", "zqword", "眠れないzq。", f"{ID_MARK}_001", _sentence(random), "zq " * 200)
        )


def _absent_sentences(draft: _Draft, random: Random) -> None:
    for row in _some_rows(draft.annotations, random):
        row[2 % len(row)] = random.choice(("zqnowhere to be found in zqit", "zq", "", "…", "zq" * 5000))


def _altered_sentences(draft: _Draft, random: Random) -> None:
    for row in _some_rows(draft.annotations, random):
        sentence = row[2 % len(row)]
        row[2 % len(row)] = random.choice((sentence.upper(), sentence.replace(" ", "  "), sentence[:-1], sentence + " zqmore"))


def _no_rows(draft: _Draft, random: Random) -> None:
    del _table(draft, random)[1:]


def _equal_posts(draft: _Draft, random: Random) -> None:
    for row in draft.posts[1:]:
        row[1 % len(row)] = draft.posts[1][1 % len(row)]


def _few_posts(draft: _Draft, random: Random) -> None:
    del draft.posts[random.randint(2, 3) :]


def _no_positive(draft: _Draft, random: Random) -> None:
    for row in draft.annotations[1:]:
        row[4 % len(row)] = "0"


def _quotes_in_cells(draft: _Draft, random: Random) -> None:
    for row in _some_rows(_table(draft, random), random):
        place = random.randrange(len(row))
        row[place] = random.choice(('"', '""', '","', "'", '"\n"')) + row[place] + random.choice(('"', "", ',"'))


def _control_characters(draft: _Draft, random: Random) -> None:
    for row in _some_rows(_table(draft, random), random):
        row[random.randrange(len(row))] += random.choice(("\x01zq", "\u2028zq", "\x85zq", "\x1c", "\ufeff", "\U000e0001", "\x7f"))


def _odd_criteria(draft: _Draft, random: Random) -> None:
    draft.criteria.append(
        random.choice(
            (
                ("", "A blank id."),
                ("NEW", " "),
                ("NEW", 3),
                ("NEW", None),
                ("NEW", ["a list"]),
                (CRITERIA[0], "A second text."),
                (f" {CRITERIA[0]}\n", "The same but for white space."),
                ("../up", "An id that is a path."),
                ("x" * 500, "A long id."),
                ("SPECIAL_CASE", "An id that the policies name."),
            )
        )
    )


def _no_criteria(draft: _Draft, random: Random) -> None:
    draft.criteria.clear()


TABLE_DAMAGES = {
    function.__name__[1:]: function
    for function in (
        _swap_columns, _drop_column, _drop_header, _duplicate_header, _spaces_in_header, _odd_ids, _duplicate_ids,
        _blank_cells, _duplicate_rows, _orphans, _wrong_status, _conflicts, _unknown_labels, _absent_sentences,
        _altered_sentences, _no_rows, _equal_posts, _few_posts, _no_positive, _quotes_in_cells, _control_characters,
        _odd_criteria, _no_criteria,
    )
}  # fmt: skip


# Damages to bytes. Each takes a file's content and returns another.


def _truncate(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _empty(content: bytes, random: Random) -> bytes:
    return random.choice((b"", b"\n", b" ", codecs.BOM_UTF8))


def _nul_bytes(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    return content[:place] + b"\0" * random.randint(1, 5) + content[place:]


def _other_encoding(content: bytes, random: Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(random.choice(("latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "shift_jis")), "replace")


def _unbalanced_quote(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    return content[:place] + b'"' + content[place:]


def _cut_out(content: bytes, random: Random) -> bytes:
    first, last = sorted(random.randrange(len(content) + 1) for _ in range(2))
    return content[:first] + content[last:]


def _flip_bytes(content: bytes, random: Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(random.randint(1, 10)):
        if damaged:
            damaged[random.randrange(len(damaged))] = random.randrange(256)
    return bytes(damaged)


def _twice(content: bytes, random: Random) -> bytes:
    return content + content


def _separators(content: bytes, random: Random) -> bytes:
    return content.replace(b",", b";")


BYTE_DAMAGES = {
    function.__name__[1:]: function
    for function in (
        _truncate, _empty, _nul_bytes, _other_encoding, _unbalanced_quote, _cut_out, _flip_bytes, _twice, _separators,
    )
}  # fmt: skip
