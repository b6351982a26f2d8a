"""A corpus with words of its own in texts, explanations and ids, and the search for such words in a project's files."""

from __future__ import annotations

import csv
import gzip
import json
import zipfile
from pathlib import Path

import pyarrow.parquet as pq

POST, SENTENCE, EXPLANATION, ID = "zanzibarpost", "quetzalsentence", "obsidianreason", "wombatid"
CANARIES = (POST, SENTENCE, EXPLANATION, ID)
LAYERS_OF_THE_CORPUS = ("01_raw", "02_intermediate", "03_primary", "05_model_input")
FOLDERS_OF_THE_CORPUS = tuple(f"{data}/{layer}/" for data in ("data", "data/test") for layer in LAYERS_OF_THE_CORPUS)


def plant(folder: Path) -> None:
    """Forty posts of twenty authors, rated by two, whose texts, sentences, explanations and ids each hold a word of their own."""
    posts = [["post_id", "author", "text"]]
    rows = [["post_id", "sentence_id", "sentence_text", "DSM5_symptom", "status", "explanation", "rater"]]
    signs = {"SLEEP": f"I barely slept, {SENTENCE}", "FATIGUE": f"No energy, {SENTENCE}"}
    for number in range(40):
        met = [criterion for bit, criterion in enumerate(signs) if number >> bit & 1]
        sentences = [f"{signs[criterion]} {number}." for criterion in met]
        post_id = f"{ID}-{number}"
        text = " ".join([f"Market day {POST} {number * 7919}.", *sentences, f"Then home in week {number}."])
        posts.append([post_id, f"{ID}-author-{number // 2}", text])
        for order, (criterion, sentence) in enumerate(zip(met, sentences, strict=True)):
            for rater in (0, 1):
                rows.append([post_id, str(order), sentence, criterion, "1", f"Because {EXPLANATION}.", f"{ID}-rater-{rater}"])
    for name, table in (("posts.csv", posts), ("annotations.csv", rows)):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(table)
    criteria = {"SLEEP": "Sleeps badly.", "FATIGUE": "Has no energy."}
    (folder / "criteria.json").write_text(json.dumps(criteria), encoding="utf-8")


def places_of(words: tuple[str, ...], folder: Path) -> list[str]:
    """Files of a project outside the corpus's folders whose name or content, packed or not, holds one of the words."""
    spelt = [word.encode(encoding) for word in words for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.startswith((*FOLDERS_OF_THE_CORPUS, "conf/local/")):
            continue
        parts = [name.encode(), path.read_bytes(), *_unpacked(path)]
        if any(word in part.lower() for part in parts for word in spelt):
            found.append(name)
    return found


def _unpacked(path: Path) -> list[bytes]:
    if path.suffix == ".parquet":
        return [pq.read_table(path).to_pandas().to_csv().encode()]
    if path.suffix == ".gz":
        return [gzip.decompress(path.read_bytes())]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            return [packed.read(name) for name in packed.namelist()]
    return []


def saved(project: Path) -> dict[str, bytes]:
    """Content of each file below data but the raw ones; a folder alone is no output."""
    files = (path for path in (project / "data").rglob("*") if path.is_file())
    return {path.as_posix(): path.read_bytes() for path in files if "01_raw" not in path.parts}
