"""Probabilities that mean what they say, by one or two numbers chosen on validation.

Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2): one positive scalar T
divides the logits, chosen by the negative log likelihood. Here the logit is the log odds of one class, "met". Platt scaling
(Platt, "Probabilistic outputs for support vector machines", 1999; Guo et al., section 4.1) also adds a shift. Where training
saw more positives than there are, as with negatives drawn at a ratio, all log odds are too high, and no temperature mends that:
it draws them towards 0, a probability of one half. Either keeps the order of the pairs.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from psy_agents.evaluation.metrics.kinds import ProbabilityMetric
from psy_agents.evaluation.metrics.registry import of_kind
from psy_agents.evaluation.scored_pairs import ScoredPairs

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of T: validation pairs that a logit of 0 parts without a mistake would ask for 0, pairs in no order for infinity."""
LEAST = 1e-15
Calibration = Literal["none", "temperature", "platt"]


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Logits of probabilities (pairs,), finite where these have been rounded to 0 or 1."""
    clipped = np.clip(probabilities.astype(np.float64), LEAST, 1 - LEAST)
    return np.log(clipped) - np.log1p(-clipped)


def calibrated(probabilities: np.ndarray, temperature: float, shift: float = 0.0) -> np.ndarray:
    """Probabilities (pairs,) whose log odds are divided by the temperature, then shifted; at 1 and 0 they are left as they are."""
    return probabilities if (temperature, shift) == (1, 0) else _sigmoid(log_odds(probabilities) / temperature + shift)


def fit(method: Calibration, labels: np.ndarray, probabilities: np.ndarray) -> tuple[float, float]:
    """Temperature and shift by the method; 1 and 0 where there is none. Arguments as for `fit_temperature`."""
    if method == "platt":
        return fit_platt(labels, probabilities)
    return (fit_temperature(labels, probabilities) if method == "temperature" else 1.0), 0.0


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature with the least negative log likelihood, between `COLDEST` and `HOTTEST`.

    With logits z, labels y and b = 1 / T, the likelihood's slope in b is the sum of (sigmoid(b z) - y) z. It only
    rises with b, so that its one zero, or the bound beyond which it lies, is the optimum.

    Args:
        labels: (pairs,) 0 or 1. probabilities: (pairs,) of 1, uncalibrated.
    """
    from scipy.optimize import brentq  # Configurations name the methods of this module, and every command reads them.

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
    2.2), so that few pairs that a logit parts without a mistake do not ask for certainty. Arguments as for `fit_temperature`.
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
    """Mean of -log of the probability that was given to what is true, over (pairs,)."""
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
    # Both halves by the exponential that cannot overflow.
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small) / (1.0 + small)
