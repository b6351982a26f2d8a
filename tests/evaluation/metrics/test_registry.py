"""The registry finds metrics in their folders; results refuse other metrics."""

import pytest
from pydantic import TypeAdapter, ValidationError

from psy_agents.evaluation.metrics.kinds import CountMetric
from psy_agents.evaluation.metrics.registry import (
    CLASS_METRICS,
    EVIDENCE_METRICS,
    OBJECTIVES,
    OVERALL_METRICS,
    SUMMARY,
    TITLES,
    MetricName,
    find_metrics,
    lower_is_better,
)
from psy_agents.evaluation.results import ClassScores, EvidenceEvaluation


def test_metrics_are_sorted_by_position():
    assert list(CLASS_METRICS) == ["precision", "recall", "f1", "auprc"]
    assert list(OVERALL_METRICS) == ["exact_match", "ece", "brier"]
    units = [f"{unit}_{part}" for unit in ("token", "sentence", "answer") for part in ("precision", "recall", "f1")]
    assert list(EVIDENCE_METRICS) == [*units, "character_iou", "exact_match", "has_answer_f1", "no_answer_accuracy"]
    assert list(SUMMARY) == [
        "macro_f1", "micro_f1", "macro_auprc", "exact_match", "ece", "brier", "token_f1", "sentence_f1", "character_iou",
        "evidence_exact_match", "has_answer_f1", "no_answer_accuracy",
    ]  # fmt: skip


def test_objectives_are_columns_of_the_summary_of_their_side():
    assert {SUMMARY[name].metric.side: name for name in OBJECTIVES.values()} == OBJECTIVES


def test_titles_name_the_mean_and_directions_name_the_errors():
    assert (TITLES["macro_f1"], TITLES["micro_f1"], TITLES["token_recall"]) == ("macro-F1", "micro-F1", "token recall")
    assert SUMMARY["macro_f1"].card_title == "macro-F1 of criteria"
    assert lower_is_better("criteria") == "for ECE and Brier less is better"
    assert lower_is_better("evidence") == ""


def test_a_name_that_two_metrics_have_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "twice"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for file in ("one.py", "two.py"):
        (folder / file).write_text(
            "from psy_agents.evaluation.metrics.kinds import CountMetric\n"
            'METRIC = CountMetric(name="same", title="Same", compute=lambda counts: counts.hits)\n'
        )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="Two metrics of criteria are named same"):
        find_metrics(("twice",))


def test_results_refuse_unknown_metrics():
    known = ClassScores.model_validate({"support": 1, "predicted": 2, "f1": {"value": 0.5}, "auprc": None})
    assert known.f1.value == 0.5 and known.estimate("auprc") is None and known.estimate("recall") is None
    with pytest.raises(ValidationError, match="There is no metric accuracy"):
        ClassScores.model_validate({"support": 1, "predicted": 2, "accuracy": {"value": 0.5}})
    counts = {"pairs": 1, "pairs_with_evidence": 1, "pairs_unknown": 0, "support": {}}
    with pytest.raises(ValidationError, match="There is no metric f1"):
        EvidenceEvaluation(**counts, scores={"f1": {"value": 0.5}}, per_criterion={})
    with pytest.raises(ValidationError, match="There is no metric accuracy"):
        TypeAdapter(MetricName).validate_python("accuracy")


def test_by_default_higher_is_better_and_a_metric_is_not_in_the_summary():
    metric = CountMetric(name="hits", title="Hits", compute=lambda counts: counts.hits)
    assert (metric.higher_is_better, metric.in_summary, metric.in_epochs, metric.heading) == (True, (), (), "Hits")
