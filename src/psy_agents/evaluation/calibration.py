"""Calibration: one or two parameters, chosen on validation, correct the probabilities.

Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2): one positive scalar T
divides the logits, chosen by the negative log likelihood. Here the logit is the log odds of one class, "met". Platt scaling
(Platt, "Probabilistic outputs for support vector machines", 1999; Guo et al., section 4.1) also adds a shift. If training sees a
larger share of positives than the data have, because negatives are sampled at a ratio, all log odds are too high. A temperature
cannot correct that: it only moves log odds to or from 0, a probability of one half. Both methods keep the order of the pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from psy_agents.evaluation.metrics.kinds import ProbabilityMetric
from psy_agents.evaluation.metrics.registry import of_kind

if TYPE_CHECKING:
    from psy_agents.evaluation.scored_pairs import ScoredPairs

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
"""Bounds of T. The optimum is 0 if a logit of 0 separates the validation pairs perfectly, and infinite if their order is random."""
EPSILON = 1e-15
"""Probabilities are clipped to [EPSILON, 1 - EPSILON] before their log odds are taken."""
CalibrationMethod = Literal["none", "temperature", "platt"]


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Logits of probabilities (pairs,); finite also for probabilities of exactly 0 or 1."""
    clipped = np.clip(probabilities.astype(np.float64), EPSILON, 1 - EPSILON)
    return np.log(clipped) - np.log1p(-clipped)


def calibrate(probabilities: np.ndarray, temperature: float, shift: float = 0.0) -> np.ndarray:
    """Divide the log odds of probabilities (pairs,) by the temperature, then add the shift. Temperature 1 and shift 0 change nothing."""
    return probabilities if (temperature, shift) == (1, 0) else _sigmoid(log_odds(probabilities) / temperature + shift)


def fit_calibration(
    method: CalibrationMethod, labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, float]:
    """Fit the temperature and the shift of a method; 1 and 0 for "none". For the arguments see `fit_temperature`."""
    if method == "platt":
        return fit_platt(labels, probabilities, weights)
    return (fit_temperature(labels, probabilities, weights) if method == "temperature" else 1.0), 0.0


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Fit the temperature with the least negative log likelihood, between `MIN_TEMPERATURE` and `MAX_TEMPERATURE`.

    With logits z, labels y and b = 1 / T, the slope of the likelihood in b is the sum of (sigmoid(b z) - y) z. It grows with b,
    so the optimum is its only zero, or the bound that is nearer to it.

    Args:
        labels: (pairs,) 0 or 1.
        probabilities: (pairs,) uncalibrated, of label 1.
        weights: (pairs,) of each pair in the likelihood; None: 1.
    """
    from scipy.optimize import brentq  # Not at the top: every command imports this module.

    logits, labels = log_odds(probabilities), labels.astype(np.float64)
    weighted = logits if weights is None else logits * weights

    def slope(inverse: float) -> float:
        return float(np.sum((_sigmoid(inverse * logits) - labels) * weighted))

    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    if slope(low) >= 0:
        return MAX_TEMPERATURE
    if slope(high) <= 0:
        return MIN_TEMPERATURE
    return 1 / brentq(slope, low, high, xtol=1e-12)


def fit_platt(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, float]:
    """Fit temperature, between `MIN_TEMPERATURE` and `MAX_TEMPERATURE`, and shift by the negative log likelihood of Platt's targets.

    The targets are (n1 + 1) / (n1 + 2) for the n1 positive pairs and 1 / (n0 + 2) for the n0 others (Platt 1999, section
    2.2): if a logit separates few pairs perfectly, the fitted probabilities do not reach 0 or 1. For the arguments see
    `fit_temperature`; with weights, n1 and n0 are sums of weights.
    """
    from scipy.optimize import minimize

    logits, met = log_odds(probabilities), labels.astype(bool)
    weights = np.ones(len(met)) if weights is None else weights
    total, positives = weights.sum(), weights[met].sum()
    targets = np.where(met, (positives + 1) / (positives + 2), 1 / (total - positives + 2))

    def likelihood(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        shifted = parameters[0] * logits + parameters[1]
        residuals = weights * (_sigmoid(shifted) - targets) / total
        losses = weights * (np.logaddexp(0.0, shifted) - targets * shifted)
        return float(losses.sum() / total), np.array([residuals @ logits, residuals.sum()])

    bounds = [(1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE), (None, None)]
    optimum = minimize(likelihood, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-10})
    return float(1 / optimum.x[0]), float(optimum.x[1])


def negative_log_likelihood(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over pairs of -log of the probability of the true label."""
    logits = log_odds(probabilities)
    return float(np.mean(np.logaddexp(0.0, np.where(labels.astype(bool), -logits, logits))))


class ProbabilityStatistics:
    """The statistics for `bootstrap` that are a `ProbabilityMetric`: (n,) each, from weights of posts (n, posts)."""

    def __init__(self, pairs: ScoredPairs, probabilities: np.ndarray) -> None:
        self._metrics = of_kind(ProbabilityMetric)
        self._sizes = pairs.sum_by_post(np.ones((len(probabilities), 1)))
        self._sums = {
            name: pairs.sum_by_post(metric.per_pair(pairs.labels, probabilities)) for name, metric in self._metrics.items()
        }

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        size = (weights @ self._sizes)[:, 0]
        return {name: metric.compute(weights @ self._sums[name], size) for name, metric in self._metrics.items()}


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    # exp of a negative number cannot overflow.
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small) / (1.0 + small)
