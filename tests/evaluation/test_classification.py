"""Criteria metrics against scikit-learn's, and the cases that it leaves undefined."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_fscore_support

from psy_agents.evaluation.classification import classification_metrics

CRITERIA = ["sleep", "mood", "a/b %", "never"]


def random_pairs(seed, decimals):
    """Labels of which ``never`` has no positive; few decimals make ties."""
    rng = np.random.default_rng(seed)
    criterion = rng.integers(0, len(CRITERIA), 400)
    labels = (rng.random(400) < np.array([0.5, 0.2, 0.05, 0.0])[criterion]).astype(int)
    probabilities = np.clip(rng.normal(0.3 + 0.3 * labels, 0.2), 0, 1).round(decimals)
    return labels, probabilities, probabilities >= 0.5, criterion


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("decimals", [1, 8])
def test_metrics_equal_scikit_learns_over_the_criteria_with_a_positive(seed, decimals):
    labels, probabilities, predictions, criterion = random_pairs(seed, decimals)
    metrics = classification_metrics(labels, probabilities, predictions, criterion, CRITERIA)
    each = [
        precision_recall_fscore_support(
            labels[criterion == i], predictions[criterion == i], average="binary", zero_division=0
        )[:3]
        for i in range(3)
    ]
    macro = np.mean(each, axis=0)
    micro = precision_recall_fscore_support(labels, predictions, average="binary")[:3]
    expected = {
        **dict(zip(("macro_precision", "macro_recall", "macro_f1"), macro, strict=True)),
        **dict(zip(("micro_precision", "micro_recall", "micro_f1"), micro, strict=True)),
        "macro_auprc": np.mean(
            [average_precision_score(labels[criterion == i], probabilities[criterion == i]) for i in range(3)]
        ),
        "brier": brier_score_loss(labels, probabilities),
        "ece": metrics["ece"],
        **{f"f1/{name}": each[i][2] for i, name in enumerate(("sleep", "mood", "a:2f:b:20::25:"))},
    }
    assert metrics == pytest.approx(expected)
    assert all(type(value) is float for value in metrics.values())


def test_a_criterion_without_positives_changes_only_micro_metrics():
    labels, criterion = np.array([1, 0, 0, 0]), np.array([0, 0, 1, 1])
    predictions = np.array([1, 0, 1, 1])
    metrics = classification_metrics(labels, predictions.astype(float), predictions, criterion, ["a", "b"])
    assert metrics["macro_f1"] == metrics["macro_precision"] == metrics["f1/a"] == 1.0
    assert metrics["micro_precision"] == pytest.approx(1 / 3)
    assert "f1/b" not in metrics


def test_predicting_nothing_scores_zero():
    labels = np.array([1, 0])
    metrics = classification_metrics(labels, np.zeros(2), np.zeros(2), np.zeros(2, int), ["a"])
    assert metrics["macro_f1"] == metrics["macro_precision"] == metrics["micro_precision"] == 0.0


@pytest.mark.parametrize("labels", [np.zeros(3, int), np.zeros(0, int)])
def test_without_positives_every_metric_is_zero(labels):
    n = len(labels)
    metrics = classification_metrics(labels, np.zeros(n), np.zeros(n), np.zeros(n, int), ["a"])
    assert set(metrics.values()) == {0.0}
