"""How often intervals of a paired difference in F1 hold the truth, of systems that differ much, little and not at all.

Test sets are simulated as in ``benchmarks/coverage.py``: posts with criteria of given prevalences, decisions from a noisy signal of the
labels. The second system has a skill of its own, or it has the first one's decisions but for a share, which another skill decides; that of
``rarest`` is wrong on the rarest criterion alone. The truth is of 120,000 posts, over the criteria with a positive in the test set.

    python benchmarks/differences/coverage.py one --sets 300        # a single criterion of 26 %
    python benchmarks/differences/coverage.py redsm5 --sets 200     # macro-F1 of nine criteria

Each line is a method: coverage of its 95 % interval, and its median width.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
from scipy.stats import chi2

from psy_agents.evaluation.intervals import difference_interval, mean_interval, paired_correlation, ratio_interval
from psy_agents.evaluation.significance import f1_differences

PREVALENCES = {
    "one": np.array([0.26]),
    "rare_one": np.array([0.05]),
    "redsm5": np.array([0.26, 0.24, 0.13, 0.10, 0.10, 0.08, 0.045, 0.035, 0.023]),
    "rare": np.linspace(0.04, 0.17, 16),
}
THRESHOLD, TRUTH_POSTS = 0.35, 120_000
EQUAL = {"equal, strong": (2.0, 0.0, 0.0), "equal, weak": (0.5, 0.0, 0.0)}
OTHERS = {"two of equal skill": (2.0, 1.0, 2.0), "2 against 1": (2.0, 1.0, 1.0), "3.5 against 0.5": (3.5, 1.0, 0.5)}
NEARLY = {
    f"{skill:g}, {share:.0%} of {other:g}": (skill, share, other)
    for skill, other in ((0.5, 3.5), (1.0, 3.5), (1.0, 0.0), (2.0, 0.0))
    for share in (0.01, 0.03, 0.1, 0.3)
}
RAREST = {"rarest": (3.5, 1.0, -2.0)}
"""Skill of the first system, share of decisions of the second that its other skill makes, and this skill; 0: it sees no label."""


def simulate(rng: np.random.Generator, posts: int, prevalence: np.ndarray, name: str, author: int) -> tuple[np.ndarray, ...]:
    """Counts (3, posts, criteria) of both systems: hits, predicted, gold; and the author of each post."""
    first, share, second = SCENARIOS[name]
    authors, k = np.arange(posts) // author, len(prevalence)
    of_author = (authors[-1] + 1, k)
    shared = rng.normal(0, 0.7, (posts, 1)) if author == 1 else rng.normal(0, 1.2, of_author)[authors]
    labels = rng.random((posts, k)) < prevalence * np.exp(shared - shared.var() / 2)
    hard = rng.normal(0, 0.8, (posts, k)) if author == 1 else rng.normal(0, 1.2, of_author)[authors]

    def decisions(skill: float) -> np.ndarray:
        noise = 0.8 * hard + 0.6 * rng.normal(0, 1, labels.shape)
        return 1 / (1 + np.exp(-(np.log(prevalence / (1 - prevalence)) + 1.6 * skill * (labels - 0.5) + noise))) >= THRESHOLD

    one = decisions(first)
    differs = rng.random(labels.shape) < share
    if name in RAREST:
        differs &= np.arange(k) == k - 1
    other = np.where(differs, decisions(second), one)
    return *(np.stack([labels & each, each, labels]).astype(float) for each in (one, other)), authors


SCENARIOS = EQUAL | OTHERS | NEARLY | RAREST


def f1(counts: np.ndarray) -> np.ndarray:
    """(criteria,) from (3, posts, criteria)."""
    hits, predicted, gold = counts.sum(axis=1)
    return 2 * hits / (predicted + gold)


def candidates(first: np.ndarray, second: np.ndarray, units: np.ndarray) -> dict[str, tuple[float, float]]:
    """Other intervals of the difference in the mean F1 of criteria that all have a positive."""
    values, n = np.stack([f1(first), f1(second)]), int(units.max()) + 1
    sizes = np.stack([each[1:].sum(axis=(0, 1)) for each in (first, second)])
    difference = values[0] - values[1]

    def by_unit(rows: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(units, column, minlength=n) for column in rows.T], axis=1)

    systems = list(zip((first, second), values, sizes, strict=True))
    terms = [by_unit((2 * each[0] - value * (each[1] + each[2])) / size) for each, value, size in systems]
    positives = by_unit(first[2])
    typical = np.sqrt((positives**2).sum(axis=0) / (positives > 0).sum(axis=0))
    weights = np.minimum((2 - values.mean(axis=0)) * typical / sizes.mean(axis=0), 1.0)
    found = {}
    for name, posts in (("correlation of the data alone", 0.0), ("a whole post added", 1.0)):
        ends = []
        for c in range(len(weights)):
            own = [ratio_interval("f1", each[0, :, c], each[1, :, c] + each[2, :, c] - each[0, :, c], units) for each in (first, second)]
            correlation = paired_correlation(terms[0][:, c], terms[1][:, c], max(weights[c] * np.sqrt(2 * posts), 1e-9))
            ends.append(difference_interval(values[0, c], own[0], values[1, c], own[1], correlation))
        found[name] = mean_interval(difference.mean(), difference, np.array(ends).T, terms[0] - terms[1])
    hits, predicted = first[0] - second[0], first[1] - second[1]
    # Of units that disagree; their sum is the difference.
    parts = by_unit((hits - values[0] / 2 * predicted) / sizes[1] + (hits - values[1] / 2 * predicted) / sizes[0])
    alike = (1 / weights) / (1 / weights).sum()
    own = parts.mean(axis=1)
    found["disagreements, of any criterion"] = of_disagreements(own, weights.max() / len(weights), (weights.max() / len(weights)) ** 2)
    found["disagreements, criteria alike"] = of_disagreements(own, alike @ weights / len(weights), alike @ weights**2 / len(weights) ** 2)
    return found


def of_disagreements(parts: np.ndarray, weight: float, square: float) -> tuple[float, float]:
    """Fay and Feuer's intervals of weighted Poisson counts (Statistics in Medicine 1997), of gains and of losses, combined by Zou's method.

    Args:
        parts: (units,) what each unit adds to the difference.
        weight, square: of a disagreement that was not seen: the largest, or a mean as Tiwari, Clegg and Zou have it (2006).
    """
    gains, losses = (np.maximum(sign * parts, 0) for sign in (1, -1))
    ends = []
    for each in (gains, losses):
        y, v = each.sum(), (each**2).sum()
        low = 0.0 if y < 1e-12 else v / (2 * y) * chi2.ppf(0.025, 2 * y**2 / v)
        high = (v + square) / (2 * (y + weight)) * chi2.ppf(0.975, 2 * (y + weight) ** 2 / (v + square))
        ends.append((y, low, high))
    (up, up_low, up_high), (down, down_low, down_high) = ends
    return up - down - np.hypot(up - up_low, down_high - down), up - down + np.hypot(up_high - up, down - down_low)


def main() -> None:
    """Run the scenarios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prevalence", choices=PREVALENCES)
    parser.add_argument("--posts", type=int, nargs="+", default=[38, 100, 223])
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--author", type=int, default=1, help="posts of each author")
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    prevalence, rng, coverages = PREVALENCES[args.prevalence], np.random.default_rng(args.seed), defaultdict(list)
    for name in args.scenarios:
        truth = np.subtract(*map(f1, simulate(rng, TRUTH_POSTS, prevalence, name, args.author)[:2]))
        for posts in args.posts:
            rows, same = defaultdict(list), []
            for _ in range(args.sets):
                first, second, authors = simulate(rng, posts, prevalence, name, args.author)
                present = first[2].any(axis=0)
                if not present.any():
                    continue
                true = truth[present].mean()
                first, second = first[:, :, present], second[:, :, present]
                report, _ = f1_differences(first, second, authors)
                found = {"the report's, half a post added": (report.low, report.high), **candidates(first, second, authors)}
                for method, (low, high) in found.items():
                    rows[method].append((low <= true <= high, high - low))
                same.append(np.array_equal(first, second))
            print(f"\n{name}: {posts} posts, {args.author} an author, true difference {truth.mean():+.3f}, {np.mean(same):.0%} the same")
            for method, covering in rows.items():
                covered, width = np.array(covering, dtype=float).T
                coverages[method].append(100 * covered.mean())
                print(f"  {method:32} {coverages[method][-1]:5.1f} %  width {np.median(width):.3f}", flush=True)
    print()
    for method, found in coverages.items():
        print(f"{method:32} at least 93 %: {sum(each >= 93 for each in found)} of {len(found)}, lowest {min(found):.1f} %")


if __name__ == "__main__":
    main()
