"""Expected calibration error: how far probabilities are from the shares of positives.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3: the sum over bins of (bin's share of the pairs)
|share of positives - mean probability|. They bin the confidence in the predicted class. Here the
probability of label 1 is binned, which shows a rare criterion that is overrated.
"""

from __future__ import annotations

import numpy as np

from psy_agents.evaluation.metrics.kinds import ProbabilityMetric

BINS = 15


def calibration_bins(probabilities: np.ndarray) -> np.ndarray:
    """(pairs,) the number of each pair's bin, of 15 bins of equal width. A bin includes its lower edge; the last one includes 1."""
    return np.minimum((probabilities * BINS).astype(int), BINS - 1)


def gaps_in_bins(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(pairs, bins) probability - label of each pair, in the column of its bin; 0 in the other columns."""
    gaps = np.zeros((len(labels), BINS))
    gaps[np.arange(len(labels)), calibration_bins(probabilities)] = probabilities.astype(np.float64) - labels
    return gaps


ECE = ProbabilityMetric(
    name="ece",
    title="ECE",
    position=20,
    interval="biased",
    higher_is_better=False,
    per_pair=gaps_in_bins,
    compute=lambda sums, pairs: np.abs(sums).sum(axis=1) / pairs,
    in_epochs=True,
)
