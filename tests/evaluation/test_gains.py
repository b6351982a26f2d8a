"""A gain is the difference of a metric with and without calibration or thresholds, on the same pairs."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from psy_agents.evaluation.calibration import calibrate
from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.gains import gains
from psy_agents.evaluation.metrics.criteria.ece import ECE
from psy_agents.evaluation.predictions import GOLD, predictions_table


def chosen_table(made, temperature=2.0, own=None):
    """An agent's predictions with these choices; the pooled threshold is 0.5."""
    table = made.system(0.7)
    uncalibrated = table["probability"].clip(0.01, 0.99).to_numpy()
    probabilities = calibrate(uncalibrated, temperature)
    thresholds = table["criterion"].map(own or {}).fillna(0.5).to_numpy(dtype=float)
    return predictions_table(
        table[GOLD], probabilities=probabilities, predicted=probabilities >= thresholds, spans=None, uncalibrated=uncalibrated,
        thresholds=thresholds, pooled_threshold=0.5,
    )  # fmt: skip


def test_each_gain_is_the_difference_of_plainly_computed_metrics(random_corpus):
    made = random_corpus(80)
    table = chosen_table(made, own={"sleep": 0.6, "mood": 0.4, "never": 0.3})
    found = {(each.choice, each.metric, each.criterion): each for each in gains("share", table, made.texts, made.criteria)}
    labels = table["label"].to_numpy()
    expected = {}
    for metric, compute in (
        ("ece", ECE.value),
        ("brier", lambda labels, p: np.mean((p - labels) ** 2)),
    ):
        sides = (compute(labels, table[column].to_numpy()) for column in ("uncalibrated", "probability"))
        expected["calibration", metric, None] = tuple(sides)
    pooled = table["probability"] >= table["pooled_threshold"]
    f1 = {
        name: [f1_score(labels[rows], decisions[rows], zero_division=0) for decisions in (pooled, table["predicted"])]
        for name in made.criteria
        if labels[rows := (table["criterion"] == name).to_numpy()].any()
    }
    expected["thresholds", "macro_f1", None] = tuple(np.mean(list(f1.values()), axis=0))
    expected |= {("thresholds", "f1", name): tuple(f1[name]) for name in ("sleep", "mood")}  # "never" has nothing to find.
    assert set(found) == set(expected)
    for key, (without, chosen) in expected.items():
        gain = found[key]
        assert (gain.without.value, gain.chosen.value) == (pytest.approx(without), pytest.approx(chosen)), key
        assert gain.difference.value == pytest.approx(chosen - without)
        assert gain.difference.low <= gain.difference.value <= gain.difference.high


def test_the_interval_of_a_gain_is_paired(random_corpus):
    made = random_corpus(80)
    table = chosen_table(made, own={"sleep": 0.52})
    (macro,) = (each for each in gains("share", table, made.texts, made.criteria) if each.metric == "macro_f1")
    whole = evaluate("share", "agent", table, made.texts, made.criteria).criterion.macro.f1
    assert macro.difference.high - macro.difference.low < (whole.high - whole.low) / 3, "of one criterion; the others are as they were"
    assert macro.without.low is None and macro.chosen.low is None, "intervals of both values would suggest an unpaired one"


def test_choices_that_were_not_made_have_no_gains(random_corpus):
    made = random_corpus(30)
    of = lambda table: {each.choice for each in gains("share", table, made.texts, made.criteria, resamples=0)}  # noqa: E731
    assert of(chosen_table(made, 1.0)) == set()
    assert of(chosen_table(made, 1.0, {"sleep": 0.6})) == {"thresholds"}
    assert of(chosen_table(made, 3.0)) == {"calibration"}
    assert of(made.system(0.5, probabilities=False)) == set(), "only spans"
    assert of(made.system(0.5)) == set(), "a baseline"
