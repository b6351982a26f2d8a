"""Figures show the report's numbers, names to the letter, and say why where there is nothing to show."""

import pytest

from psy_agents.evaluation.results import ClassScores
from psy_agents.reporting.figure_style import empty_figure
from psy_agents.reporting.report_page.figures import comparison_plot, criteria_plot, errors_plot, reliability_plot, report_figures


def named(report, name):
    return next(each for each in report.evaluations if each.name == name)


def test_criteria_are_drawn_with_their_f1_and_interval(report):
    figure = criteria_plot(report)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == ["criteria", "evidence", "share", "joint", "all_positive", "majority", "tfidf_logistic"]
    joint = named(report, "joint").criterion
    f1 = [*(scores.f1 for scores in joint.per_criterion.values()), joint.no_symptoms.f1]
    assert list(traces["joint"].x) == [each.value for each in f1]
    assert list(traces["joint"].error_x.array) == pytest.approx([each.high - each.value for each in f1])
    assert list(traces["joint"].error_x.arrayminus) == pytest.approx([each.value - each.low for each in f1])
    assert len({trace.marker.color for trace in figure.data}) == 5
    assert len({trace.marker.symbol for trace in figure.data}) == 7


def test_a_criterion_without_a_positive_pair_has_no_point(report):
    def without(evaluation):
        if evaluation.criterion is None:
            return evaluation
        nothing = ClassScores(support=0, predicted=3, **dict.fromkeys(("precision", "recall", "f1", "auprc")))
        scores = {**evaluation.criterion.per_criterion, "APPETITE_CHANGE": nothing}
        return evaluation.model_copy(update={"criterion": evaluation.criterion.model_copy(update={"per_criterion": scores})})

    figure = criteria_plot(report.model_copy(update={"evaluations": tuple(map(without, report.evaluations))}))
    row = list(named(report, "share").criterion.per_criterion).index("APPETITE_CHANGE")
    for trace in figure.data:
        assert len(trace.x) == 9 and not any("APPETITE" in label for label in trace.text)
        assert all(abs(place - row) > 0.5 for place in trace.y)


def test_systems_without_a_side_have_no_point_on_it(report):
    figure = comparison_plot(report)
    criteria, evidence = figure.data
    assert len(criteria.x) == 7
    assert len(evidence.x) == 6
    assert min(evidence.y) == pytest.approx(1.16)
    assert criteria.x[2] == named(report, "share").criterion.macro.f1.value


def test_reliability_shows_the_bins_and_their_pairs(report):
    bins = named(report, "share").criterion.reliability
    diagonal, before, curve, counts = reliability_plot(named(report, "share")).data
    assert (before.x, before.y) == ((0.45,), (0.11,))
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]
    assert list(curve.y) == [each.share_positive for each in bins]
    assert list(counts.y) == [each.pairs for each in bins]


def test_a_model_of_spans_alone_is_shown_without_probabilities(report):
    figure = reliability_plot(named(report, "evidence"))
    assert not figure.data
    assert "No probabilities" in figure.layout.annotations[0].text


def test_errors_are_shares_of_the_pairs_that_can_be_wrong_so(report):
    evaluation = named(report, "criteria")
    positives, negatives = errors_plot(evaluation).data
    slices = evaluation.errors
    assert positives.x[0] == 100 * slices[0].false_positives / (slices[0].pairs - slices[0].positives)
    assert negatives.x[0] == 100 * slices[0].false_negatives / slices[0].positives
    assert (positives.x[-3], negatives.x[-2], negatives.x[-1]) == (None, None, None)


def test_every_agent_has_its_figures(report):
    agents = ("criteria", "evidence", "share", "joint")
    assert set(report_figures(report)) == {
        "criteria", "comparison", *(f"{name}_{agent}" for name in ("reliability", "errors") for agent in agents),
    }  # fmt: skip


def test_figures_of_a_report_of_nothing_state_it(report):
    empty = report.model_copy(update={"evaluations": ()})
    assert [figure.layout.annotations[0].text for figure in report_figures(empty).values()] == [
        "No model or baseline predicts criteria.",
        "Neither a model nor a baseline was<br>evaluated.",
    ]


def test_names_are_shown_to_the_letter():
    figure = empty_figure("Nothing", "<b>&amp;</b>")
    assert figure.layout.annotations[0].text == "&lt;b&gt;&amp;amp;&lt;/b&gt;"
