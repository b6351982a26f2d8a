"""Time, memory and recall of `cluster_near_duplicates` on known copies.

    python benchmarks/near_duplicates.py [--posts 1000 10000 100000] [--threshold 0.8] [--seed 0]

Posts of about 250 words are drawn from 30,000 words by Zipf's law. One post in 20 is an earlier one with one
changed word. One post in 50 consists of forty words of an earlier one.

    found        changed and quoted posts that are in the cluster of their source
    clusters     number of clusters
    seconds      wall time
    memory       peak of the process so far, less the peak before clustering, in MB
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from psy_agents.corpus.splitting.near_duplicates import cluster_near_duplicates

VOCABULARY = np.array([f"w{i}" for i in range(30_000)])
FREQUENCY = 1 / np.arange(1, len(VOCABULARY) + 1)
DISTANCE = 37  # posts between a copy and its source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{'posts':>8} {'found':>13} {'clusters':>9} {'seconds':>8} {'memory':>7}")
    for n in arguments.posts:
        texts, copies = posts_with_copies(n, np.random.default_rng(arguments.seed))
        before, start = peak_megabytes(), time.perf_counter()
        clusters = cluster_near_duplicates(texts, arguments.threshold, arguments.seed)
        seconds, memory = time.perf_counter() - start, peak_megabytes() - before
        found = int((clusters[copies] == clusters[copies - DISTANCE]).sum())
        print(f"{n:>8} {found:>6}/{len(copies):<6} {clusters.max() + 1:>9} {seconds:>8.1f} {memory:>7.0f}", flush=True)


def posts_with_copies(n: int, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """The posts, and the indices of those that copy the post ``DISTANCE`` places before."""
    texts: list[str] = []
    copies = []
    for i in range(n):
        source = texts[i - DISTANCE].split() if i >= 2 * DISTANCE else []
        if i % 20 == 0 and source:
            source[rng.integers(len(source))] = "changed"
            texts.append(" ".join(source))
        elif i % 50 == 1 and len(source) > 60:
            texts.append(" ".join(source[20:60]))
        else:
            length = max(30, int(rng.normal(250, 60)))
            texts.append(" ".join(rng.choice(VOCABULARY, size=length, p=FREQUENCY / FREQUENCY.sum())))
            continue
        copies.append(i)
    return texts, np.array(copies)


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
