"""Average precision against scikit-learn's, with ties and with weights."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from psy_agents.evaluation.metrics.criteria.auprc import average_precision


def random_pairs(decimals):
    """Labels and probabilities; few decimals make ties."""
    rng = np.random.default_rng(0)
    labels = (rng.random(400) < 0.2).astype(int)
    return labels, np.clip(rng.normal(0.3 + 0.3 * labels, 0.2), 0, 1).round(decimals)


def test_average_precision_treats_ties_as_one_threshold():
    assert average_precision(np.array([1, 0, 0, 1]), np.array([0.5] * 4), np.ones((1, 4))) == pytest.approx(0.5)
    assert average_precision(np.array([0, 1]), np.array([0.1, 0.9]), np.ones((1, 2))) == 1.0


@pytest.mark.parametrize("decimals", [1, 8])
def test_average_precision_under_weights_is_that_of_repeated_pairs(decimals):
    labels, probabilities = random_pairs(decimals)
    weights = np.random.default_rng(1).poisson(0.7, size=(20, len(labels)))
    expected = [average_precision_score(np.repeat(labels, row), np.repeat(probabilities, row)) for row in weights]
    assert average_precision(labels, probabilities, weights) == pytest.approx(expected)
    assert np.isnan(average_precision(labels, probabilities, (1 - labels)[None, :])).all()
