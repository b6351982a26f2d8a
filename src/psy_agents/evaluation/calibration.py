"""Temperature scaling: probabilities that mean what they say.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2: one positive scalar T divides the logits,
chosen by the negative log likelihood of validation. Here the logit is the log odds of one class, "met". The order of the
pairs stays, so that no decision changes where its threshold moves with them.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from psy_agents.evaluation.classification import CALIBRATION_BINS, calibration_bins
from psy_agents.evaluation.scored_pairs import ScoredPairs

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of T: validation pairs that a logit of 0 parts without a mistake would ask for 0, pairs in no order for infinity."""
LEAST = 1e-15


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Logits of probabilities (pairs,), finite where these have been rounded to 0 or 1."""
    clipped = np.clip(probabilities.astype(np.float64), LEAST, 1 - LEAST)
    return np.log(clipped) - np.log1p(-clipped)


def calibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (pairs,) whose log odds are divided by the temperature; at 1 they are left as they are."""
    return probabilities if temperature == 1 else _sigmoid(log_odds(probabilities) / temperature)


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature with the least negative log likelihood, between `COLDEST` and `HOTTEST`.

    With logits z, labels y and b = 1 / T, the likelihood's slope in b is the sum of (sigmoid(b z) - y) z. It only
    rises with b, so that its one zero, or the bound beyond which it lies, is the optimum.

    Args:
        labels: (pairs,) 0 or 1. probabilities: (pairs,) of 1, uncalibrated.
    """
    logits, labels = log_odds(probabilities), labels.astype(np.float64)

    def slope(inverse: float) -> float:
        return float(np.sum((_sigmoid(inverse * logits) - labels) * logits))

    low, high = 1 / HOTTEST, 1 / COLDEST
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COLDEST
    return 1 / brentq(slope, low, high, xtol=1e-12)


def negative_log_likelihood(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of -log of the probability that was given to what is true, over (pairs,)."""
    logits = log_odds(probabilities)
    return float(np.mean(np.logaddexp(0.0, np.where(labels.astype(bool), -logits, logits))))


class CalibrationFigures:
    """Expected calibration error and Brier score (n,) of pairs under weights of posts (n, posts)."""

    def __init__(self, pairs: ScoredPairs, probabilities: np.ndarray) -> None:
        gaps = probabilities - pairs.labels
        in_bins = np.zeros((len(gaps), CALIBRATION_BINS))
        in_bins[np.arange(len(gaps)), calibration_bins(probabilities)] = gaps
        self._sizes = pairs.sum_by_post(np.ones((len(gaps), 1)))
        self._gaps = pairs.sum_by_post(in_bins)
        self._squares = pairs.sum_by_post(gaps[:, None] ** 2)

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        size = (weights @ self._sizes)[:, 0]
        return {"ece": np.abs(weights @ self._gaps).sum(axis=1) / size, "brier": (weights @ self._squares)[:, 0] / size}


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    # Both halves by the exponential that cannot overflow.
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small) / (1.0 + small)
