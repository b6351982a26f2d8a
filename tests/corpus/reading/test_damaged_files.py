"""No damage to a file does worse than a refusal."""

import csv
import gzip
import io
import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.corpus.raw_files import BOM, CANARY, one_sentence, parquet

from psy_agents.corpus.reading.tables import read_json, read_table
from psy_agents.errors import UserError

ROWS = [
    {"post_id": f"p{number}", "text": f'{CANARY}, "{CANARY}"\r\n“{CANARY}” 😀', "status": str(number % 2)}
    for number in range(8)
]


def as_csv(delimiter):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(ROWS[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


VALID = {
    "d.csv": as_csv(","),
    "d.tsv": as_csv("\t"),
    "d.jsonl": "\n".join(json.dumps(row, ensure_ascii=number % 2 == 0) for number, row in enumerate(ROWS)).encode(),
    "d.json": json.dumps({row["post_id"]: row["text"] for row in ROWS}, ensure_ascii=False, indent=1).encode(),
    "d.parquet": parquet(pa.table({key: [row[key] for row in ROWS] for key in ROWS[0]})),
    "d2.parquet": parquet(pa.Table.from_pylist(ROWS), compression="none", use_dictionary=False),
}
VALID |= {f"{name}.gz": gzip.compress(VALID[name]) for name in ("d.csv", "d.jsonl")}


def damaged(content, kind, chance):
    at = chance.randrange(len(content) + 1)
    until = at + chance.randint(1, 8)
    match kind:
        case "cut off":
            return content[:at]
        case "without a part":
            return content[:at] + content[until:]
        case "bytes replaced":
            return content[:at] + chance.randbytes(until - at) + content[until:]
        case "a character put in":
            return content[:at] + chance.choice([b"\0", b'"', b"\n", b"\r", b",", b"\t", b"{", b"\xff", BOM]) + content[at:]
        case "another encoding":
            part = content[at : at + 200].decode("utf-8", "ignore")
            return content[:at] + part.encode(chance.choice(["cp1252", "utf-16"]), "ignore") + content[at + 200 :]
        case "lines mixed":
            lines = content.splitlines(keepends=True) or [b""]
            return b"".join(chance.choices(lines, k=len(lines)))
        case "cells mixed":
            cells = content.split(b",")
            return b",".join(chance.sample(cells, len(cells)))
        case _:
            raise ValueError(kind)


KINDS = [
    "cut off",
    "without a part",
    "bytes replaced",
    "a character put in",
    "another encoding",
    "lines mixed",
    "cells mixed",
]


@pytest.mark.parametrize("name", VALID)
@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_damage_of_any_kind_is_read_as_text_or_refused_without_a_word_of_it(folder, name, kinds, chance):
    content = VALID[name]
    for kind in kinds:
        content = damaged(content, kind, chance)
    path = folder / name
    path.write_bytes(content)
    try:
        found = read_json(path) if name == "d.json" else read_table(path)
    except UserError as error:
        one_sentence(error, name)
        return
    if name == "d.json":
        assert isinstance(found, dict)
        return
    assert found.columns.is_unique
    assert all(isinstance(cell, str) and "\0" not in cell for column in found for cell in found[column])


def test_the_files_to_damage_are_read_whole():
    assert all(CANARY.encode() in content for name, content in VALID.items() if not name.endswith((".gz", ".parquet")))
