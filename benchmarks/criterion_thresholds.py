"""The number of positive validation pairs from which thresholds by criterion pay off.

Nine simulated criteria, each with the same number of positive pairs on validation and a prevalence of 5 to 20 %. A pair's log
odds are normal (standard deviation 1), those of positives 2 higher. Each criterion has a normally distributed shift, because
an agent judges some criteria more strictly than others. Thresholds are chosen on validation and scored on test,
which has 400 positives a criterion. Prints macro-F1 on test with the pooled threshold, and the gain of thresholds by criterion.

    python benchmarks/criterion_thresholds.py --repetitions 200
"""

from __future__ import annotations

import argparse

import numpy as np

from psy_agents.evaluation.thresholds import best_threshold, criterion_thresholds

CRITERIA, TEST_POSITIVES = 9, 400
SUPPORTS = (3, 5, 10, 15, 20, 30, 50, 100)
SHIFTS = (0.0, 0.25, 0.5, 1.0)


def draw(
    rng: np.random.Generator, positives: int, prevalence: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities and criteria of pairs (pairs,)."""
    sizes = np.round(positives / prevalence).astype(int)
    criterion = np.repeat(np.arange(CRITERIA), sizes)
    labels = np.concatenate([np.arange(size) < positives for size in sizes])
    logits = rng.normal(-3.0, 1.0, len(labels)) + 2.0 * labels + shift[criterion]
    return labels, 1 / (1 + np.exp(-logits)), criterion


def macro_f1(labels: np.ndarray, predicted: np.ndarray, criterion: np.ndarray) -> float:
    """Mean F1 over the criteria, which all have positives."""
    hits, flagged, gold = (np.bincount(criterion[flags], minlength=CRITERIA) for flags in (labels & predicted, predicted, labels))
    return float(np.mean(2 * hits / (flagged + gold)))


def compare(rng: np.random.Generator, positives: int, spread: float) -> tuple[float, float]:
    """Macro-F1 on test with the pooled threshold, and with one by criterion."""
    prevalence, shift = rng.uniform(0.05, 0.2, CRITERIA), rng.normal(0.0, spread, CRITERIA)
    labels, probabilities, criterion = draw(rng, positives, prevalence, shift)
    pooled = best_threshold(labels, probabilities, criterion)
    own = criterion_thresholds(labels, probabilities, criterion, min_support=1)
    labels, probabilities, criterion = draw(rng, TEST_POSITIVES, prevalence, shift)
    thresholds = np.array([own[number] for number in range(CRITERIA)])
    return (
        macro_f1(labels, probabilities >= pooled, criterion),
        macro_f1(labels, probabilities >= thresholds[criterion], criterion),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("shift  positives  pooled   by criterion minus pooled (95 % interval of the mean)  better in")
    for spread in SHIFTS:
        for positives in SUPPORTS:
            rng = np.random.default_rng([arguments.seed, positives, round(100 * spread)])
            found = np.array([compare(rng, positives, spread) for _ in range(arguments.repetitions)])
            gain = found[:, 1] - found[:, 0]
            half = 1.96 * gain.std(ddof=1) / len(gain) ** 0.5
            print(f"{spread:5.2f} {positives:10d}  {found[:, 0].mean():.4f}   {gain.mean():+.4f} +- {half:.4f} {(gain > 0).mean():44.0%}")


if __name__ == "__main__":
    main()
