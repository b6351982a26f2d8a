"""Gaussian process regression with one length for each parameter (Rasmussen and Williams 2006, chapters 2 and 5).

n: observations, m: points asked, P: parameters, D: columns of a point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

LENGTH = (np.log(0.5), 0.75)
"""Mean and deviation of a log length of one parameter; it grows with the square root of their number (Hvarfner et al., ICML 2024)."""
SCALE = (0.0, 0.5)
NOISE = (np.log(0.1), 1.0)
"""Of the logs of the variances of function and noise: normal scores have variance 1, and a short training tells little."""
BOUNDS = {"length": (-4.0, 4.0), "scale": (-4.0, 3.0), "noise": (-7.0, 2.0)}
JITTER = 1e-8
KNOWN = 1e-6  # The variance of what counts as seen without noise; equal points at 0 would make the covariance singular.


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process: Matérn 5/2 kernel, constant mean, normal noise.

    Attributes:
        mean: of the function where nothing was observed.
        lengths: (P) Over how much of its range a parameter changes the function.
        scale: variance of the function.
        noise: (n) Variances of the observations.
    """

    points: np.ndarray
    values: np.ndarray
    owner: np.ndarray
    mean: float
    lengths: np.ndarray
    scale: float
    noise: np.ndarray

    def __post_init__(self) -> None:
        from scipy.linalg import cho_factor, cho_solve

        covariance = self.scale * _matern(self._distances(self.points))
        covariance[np.diag_indices(len(covariance))] += self.noise + JITTER
        factor = cho_factor(covariance, lower=True)
        object.__setattr__(self, "_factor", factor[0])
        object.__setattr__(self, "_weights", cho_solve(factor, self.values - self.mean))

    def posterior(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m), (m) Mean and standard deviation of the function, without noise, at points (m, D)."""
        from scipy.linalg import solve_triangular

        shared = self.scale * _matern(self._distances(points))
        explained = solve_triangular(self._factor, shared.T, lower=True)
        variance = np.maximum(self.scale - np.square(explained).sum(0), 1e-12)
        return shared @ self._weights + self.mean, np.sqrt(variance)

    def believing(self, points: np.ndarray) -> GaussianProcess:
        """The process after its own mean was seen at points (m, D) without noise: the mean stays, the deviation there goes.

        The Kriging believer (Ginsbourger et al. 2010, section 3) for trials that still run. With noise, little doubt would go, and the same
        trial would be proposed again.
        """
        values = np.concatenate([self.values, self.posterior(points)[0]])
        noise = np.concatenate([self.noise, np.full(len(points), KNOWN)])
        return replace(self, points=np.concatenate([self.points, points]), values=values, noise=noise)

    def _distances(self, points: np.ndarray) -> np.ndarray:
        """(m, n) Square distances in lengths."""
        weights = (1 / self.lengths)[self.owner]
        mine, others = points * weights, self.points * weights
        return np.maximum(np.square(mine).sum(1)[:, None] + np.square(others).sum(1) - 2 * mine @ others.T, 0)


def fit(points: np.ndarray, values: np.ndarray, owner: np.ndarray) -> GaussianProcess:
    """The process of the highest posterior density of lengths, scale and noise.

    Args:
        points: (n, D) In the unit cube.
        values: (n) Of variance about 1.
        owner: (D) The parameter of each column; all columns of a parameter share its length.
    """
    from scipy.optimize import minimize

    P = int(owner.max()) + 1
    squares = np.zeros((P, len(points), len(points)))
    for column, parameter in enumerate(owner):
        squares[parameter] += np.square(points[:, None, column] - points[None, :, column])
    length = LENGTH[0] + np.log(P / 2) / 2, LENGTH[1]
    prior = np.array([length] * P + [SCALE, NOISE])
    bounds = [BOUNDS["length"]] * P + [BOUNDS["scale"], BOUNDS["noise"]]
    start = np.clip(prior[:, 0], *np.array(bounds).T)
    mean = float(values.mean())
    given = squares, values - mean, prior
    found = minimize(_loss, start, given, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 50})
    *lengths, scale, noise = np.exp(found.x)
    return GaussianProcess(points, values, owner, mean, np.array(lengths), float(scale), np.full(len(values), noise))


def _matern(squares: np.ndarray) -> np.ndarray:
    root = np.sqrt(5 * squares)
    return (1 + root + 5 / 3 * squares) * np.exp(-root)


def _loss(logs: np.ndarray, squares: np.ndarray, values: np.ndarray, prior: np.ndarray) -> tuple[float, np.ndarray]:
    """Minus the log posterior density of (lengths, scale, noise), whose logs are given, and its gradient."""
    from scipy.linalg import cho_factor, cho_solve

    P, n = len(squares), len(values)
    inverse_squares = np.exp(-2 * logs[:P])
    scale, noise = np.exp(logs[P]), np.exp(logs[P + 1])
    distances = np.tensordot(inverse_squares, squares, 1)
    root = np.sqrt(5 * distances)
    decay = np.exp(-root)
    kernel = (1 + root + 5 / 3 * distances) * decay
    covariance = scale * kernel
    covariance[np.diag_indices(n)] += noise + JITTER
    factor = cho_factor(covariance, lower=True)
    weights = cho_solve(factor, values)
    # Half the derivative of the log likelihood by the covariance.
    outer = (np.outer(weights, weights) - cho_solve(factor, np.eye(n))) / 2
    by_distance = outer * scale * (-5 / 6) * (1 + root) * decay
    gradient = np.concatenate(
        [
            -2 * inverse_squares * np.tensordot(squares, by_distance, 2),
            [scale * (outer * kernel).sum(), noise * np.trace(outer)],
        ]
    )
    likelihood = -values @ weights / 2 - np.log(np.diag(factor[0])).sum()
    from_prior = (logs - prior[:, 0]) / prior[:, 1]
    return -(likelihood - np.square(from_prior).sum() / 2), -(gradient - from_prior / prior[:, 1])
