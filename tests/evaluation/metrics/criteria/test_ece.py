"""The calibration error is the gap of 15 bins, weighted by their pairs."""

import numpy as np
import pytest

from psy_agents.evaluation.metrics.criteria.ece import ECE


def random_pairs(decimals):
    """Labels and probabilities; few decimals make ties."""
    rng = np.random.default_rng(0)
    labels = (rng.random(400) < 0.2).astype(int)
    return labels, np.clip(rng.normal(0.3 + 0.3 * labels, 0.2), 0, 1).round(decimals)


def test_calibration_error_is_the_weighted_gap_of_15_bins():
    # Bin [0.2, 0.267): mean 0.25, 1 of 2 positive. Bin [0.933, 1]: mean 0.975, 0 of 2 positive.
    labels, probabilities = np.array([1, 0, 0, 0]), np.array([0.24, 0.26, 0.95, 1.0])
    assert ECE.value(labels, probabilities) == pytest.approx((0.25 + 0.975) / 2)
    assert ECE.value(np.array([0, 1]), np.array([0.0, 1.0])) == 0.0


def test_calibration_error_equals_a_loop_over_bins():
    labels, probabilities = random_pairs(8)
    total = 0.0
    for low in np.arange(15) / 15:
        inside = (probabilities >= low) & ((probabilities < low + 1 / 15) | (low == 14 / 15))
        if inside.any():
            total += inside.mean() * abs(labels[inside].mean() - probabilities[inside].mean())
    assert ECE.value(labels, probabilities) == pytest.approx(total)
