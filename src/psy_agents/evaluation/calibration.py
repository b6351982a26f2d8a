"""Calibration: one or two numbers, chosen on validation, correct the probabilities.

Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2): one positive scalar T
divides the logits, chosen by the negative log likelihood. Here the logit is the log odds of one class, "met". Platt scaling
(Platt, "Probabilistic outputs for support vector machines", 1999; Guo et al., section 4.1) also adds a shift. If training sees a
larger share of positives than the data have, as with negatives drawn at a ratio, all log odds are too high. A temperature cannot
correct that: it moves them towards 0, a probability of one half. Both methods keep the order of the pairs.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from psy_agents.evaluation.metrics.kinds import ProbabilityMetric
from psy_agents.evaluation.metrics.registry import of_kind
from psy_agents.evaluation.scored_pairs import ScoredPairs

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of T. The optimum is 0 for validation pairs that a logit of 0 separates perfectly, and infinite for pairs in random order."""
LEAST = 1e-15
Calibration = Literal["none", "temperature", "platt"]


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Logits of probabilities (pairs,); finite also for probabilities of exactly 0 or 1."""
    clipped = np.clip(probabilities.astype(np.float64), LEAST, 1 - LEAST)
    return np.log(clipped) - np.log1p(-clipped)


def calibrated(probabilities: np.ndarray, temperature: float, shift: float = 0.0) -> np.ndarray:
    """Divide the log odds of probabilities (pairs,) by the temperature, then add the shift. At 1 and 0 nothing changes."""
    return probabilities if (temperature, shift) == (1, 0) else _sigmoid(log_odds(probabilities) / temperature + shift)


def fit(method: Calibration, labels: np.ndarray, probabilities: np.ndarray) -> tuple[float, float]:
    """Temperature and shift of the method; 1 and 0 for "none". Arguments as for `fit_temperature`."""
    if method == "platt":
        return fit_platt(labels, probabilities)
    return (fit_temperature(labels, probabilities) if method == "temperature" else 1.0), 0.0


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature with the least negative log likelihood, between `COLDEST` and `HOTTEST`.

    With logits z, labels y and b = 1 / T, the slope of the likelihood in b is the sum of (sigmoid(b z) - y) z. It grows with b,
    so the optimum is its only zero, or the bound that is nearer to it.

    Args:
        labels: (pairs,) 0 or 1. probabilities: (pairs,) of 1, uncalibrated.
    """
    from scipy.optimize import brentq  # Every command imports this module for its configuration.

    logits, labels = log_odds(probabilities), labels.astype(np.float64)

    def slope(inverse: float) -> float:
        return float(np.sum((_sigmoid(inverse * logits) - labels) * logits))

    low, high = 1 / HOTTEST, 1 / COLDEST
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COLDEST
    return 1 / brentq(slope, low, high, xtol=1e-12)


def fit_platt(labels: np.ndarray, probabilities: np.ndarray) -> tuple[float, float]:
    """Temperature, between `COLDEST` and `HOTTEST`, and shift with the least negative log likelihood of Platt's targets.

    The targets are (n1 + 1) / (n1 + 2) for the n1 positive pairs and 1 / (n0 + 2) for the n0 others (Platt 1999, section
    2.2): with few pairs that a logit separates perfectly, the optimum is not certainty. Arguments as for `fit_temperature`.
    """
    from scipy.optimize import minimize

    logits, met = log_odds(probabilities), labels.astype(bool)
    positives = met.sum()
    targets = np.where(met, (positives + 1) / (positives + 2), 1 / (len(met) - positives + 2))

    def likelihood(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        inner = numbers[0] * logits + numbers[1]
        wrong = (_sigmoid(inner) - targets) / len(targets)
        return float(np.mean(np.logaddexp(0.0, inner) - targets * inner)), np.array([wrong @ logits, wrong.sum()])

    bounds = [(1 / HOTTEST, 1 / COLDEST), (None, None)]
    found = minimize(likelihood, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-10})
    return float(1 / found.x[0]), float(found.x[1])


def negative_log_likelihood(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over pairs of -log of the probability of the true label."""
    logits = log_odds(probabilities)
    return float(np.mean(np.logaddexp(0.0, np.where(labels.astype(bool), -logits, logits))))


class ProbabilityFigures:
    """Every `ProbabilityMetric` (n,) of pairs under weights of posts (n, posts)."""

    def __init__(self, pairs: ScoredPairs, probabilities: np.ndarray) -> None:
        self._metrics = of_kind(ProbabilityMetric)
        self._sizes = pairs.sum_by_post(np.ones((len(probabilities), 1)))
        self._sums = {
            name: pairs.sum_by_post(metric.of_pairs(pairs.labels, probabilities)) for name, metric in self._metrics.items()
        }

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        size = (weights @ self._sizes)[:, 0]
        return {name: metric.of_sums(weights @ self._sums[name], size) for name, metric in self._metrics.items()}


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    # exp of a negative number cannot overflow.
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small) / (1.0 + small)
