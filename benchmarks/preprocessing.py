"""Time and peak memory of preprocessing, by the number of posts.

    python benchmarks/preprocessing.py [--posts 1000 10000 100000] [--seed 0]

Posts are as long as ReDSM5's: log-normal, 295 words in the mean, from 2 to 6,990. Each contains an annotated
post of the synthetic corpus among words drawn by Zipf's law. Every tenth annotated sentence differs in case and white space,
every hundredth in one word. Each size runs in a separate process.

    read, prepare, split   wall seconds of `read_table`, `prepare_corpus` and `split_corpus`
    peak                   resident memory of that process, in MB, its imports (about 200 MB) included
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from psy_agents.corpus.synthetic.generator import generate_corpus

MEAN_WORDS, SPREAD, FEWEST, MOST = 295, 0.9, 2, 6990
POOL = 3000
VOCABULARY = np.array([f"w{i}" for i in range(30_000)])
CUMULATIVE = np.cumsum(1 / np.arange(1, len(VOCABULARY) + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run is not None:
        measure(arguments.run)
        return
    print(f"{'posts':>8} {'rows':>8} {'MB':>6} {'read':>7} {'prepare':>8} {'split':>7} {'peak':>6}  set aside, stages")
    for n in arguments.posts:
        with tempfile.TemporaryDirectory() as folder:
            write_corpus(Path(folder), n, np.random.default_rng(arguments.seed))
            subprocess.run([sys.executable, __file__, "--run", folder], check=True)


def write_corpus(folder: Path, n: int, rng: np.random.Generator) -> None:
    pool = generate_corpus(min(n, POOL), seed=0)
    rows_of = dict(list(pool.annotations.groupby("post_id")))
    median = np.log(MEAN_WORDS) - SPREAD**2 / 2
    with (folder / "posts.csv").open("w", newline="") as posts, (folder / "annotations.csv").open("w", newline="") as rows:
        write_post, write_row = csv.writer(posts).writerow, csv.writer(rows).writerow
        write_post(["post_id", "text"])
        write_row(list(pool.annotations.columns))
        for number in range(n):
            source = pool.posts.iloc[number % len(pool.posts)]
            length = int(np.clip(rng.lognormal(median, SPREAD), FEWEST, MOST))
            words = VOCABULARY[np.searchsorted(CUMULATIVE, rng.random(length) * CUMULATIVE[-1])]
            at = int(rng.integers(length + 1))
            write_post([f"p{number}", " ".join([*words[:at], source["text"], *words[at:]])])
            for row in rows_of[source["post_id"]].itertuples(index=False) if source["post_id"] in rows_of else ():
                write_row([f"p{number}", row.sentence_id, damaged(row.sentence_text, rng), *row[3:]])


def damaged(sentence: str, rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.01:
        words = sentence.split()
        words[rng.integers(len(words))] = "otherwise"
        return " ".join(words)
    return sentence.upper().replace(" ", "  ") if draw < 0.11 else sentence


def measure(folder: Path) -> None:
    from psy_agents.corpus.config import CorpusSettings
    from psy_agents.corpus.prepare import prepare_corpus, split_corpus
    from psy_agents.corpus.reading.tables import read_table
    from psy_agents.corpus.synthetic.wording import WORDING

    settings = CorpusSettings()
    start = time.perf_counter()
    posts, annotations = (read_table(folder / name) for name in ("posts.csv", "annotations.csv"))
    read = time.perf_counter()
    criteria = {criterion: wording.criterion for criterion, wording in WORDING.items()}
    corpus = prepare_corpus(posts, annotations, criteria, settings, salt="salt")
    prepared = time.perf_counter()
    split_corpus(corpus.posts, corpus.pairs, settings.splits)
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    rows = corpus.account["alignment"]["rows"]
    stages = " ".join(f"{stage} {count}" for stage, count in rows.items() if stage != "in")
    print(
        f"{len(posts):>8} {len(annotations):>8} {size:>6.0f} {read - start:>7.1f} {prepared - read:>8.1f} "
        f"{end - prepared:>7.1f} {peak:>6.0f}  {corpus.account['annotations']['set_aside']}, {stages}",
        flush=True,
    )


if __name__ == "__main__":
    main()
