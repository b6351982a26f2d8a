"""Tables of a report, one row a figure: its value and interval have columns of their own, so that files keep all digits.

Figures that a system does not have (an agent of evidence has no probabilities) have no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from psy_agents.evaluation.metrics.registry import CLASS_METRICS, SUMMARY
from psy_agents.evaluation.results import ClassScores, Estimate, Evaluation, ModelCost, Report

NO_SYMPTOMS = "NO_SYMPTOMS"
STATES = ("complete", "pruned", "failed")

_SYSTEM = ["system", "kind"]
_FIGURE = ["metric", "value", "low", "high"]


def ordered(report: Report) -> list[Evaluation]:
    """The agents, then the baselines, each in the report's order."""
    return sorted(report.evaluations, key=lambda evaluation: evaluation.kind != "agent")


def classes(evaluation: Evaluation) -> Iterator[tuple[str, str, ClassScores]]:
    """Part (criterion, no_symptoms, macro or micro), name and scores of each row of a table of criteria."""
    scores = evaluation.criterion
    if scores is not None:
        yield from (("criterion", name, each) for name, each in scores.per_criterion.items())
        yield "no_symptoms", NO_SYMPTOMS, scores.no_symptoms
        yield "macro", "macro", scores.macro
        yield "micro", "micro", scores.micro


def summary_figures(evaluation: Evaluation) -> dict[str, Estimate]:
    """A system's estimate in each column of the summary, by the column's name; without the columns that it does not have."""
    criterion, evidence = evaluation.criterion, evaluation.evidence
    figures: dict[str, Estimate | None] = {}
    for name, column in SUMMARY.items():
        if column.metric.side == "evidence":
            figures[name] = None if evidence is None else evidence.scores.get(column.metric.name)
        elif criterion is not None:
            scores = criterion if column.mean is None else getattr(criterion, column.mean)
            figures[name] = scores.estimate(column.metric.name)
    return {name: figure for name, figure in figures.items() if figure is not None}


def criteria_table(report: Report) -> pd.DataFrame:
    """Every class metric of each class; ``part`` is criterion, no_symptoms, macro or micro."""
    return pd.DataFrame(
        [
            (*_named(evaluation), part, name, scores.support, scores.predicted, *figure)
            for evaluation in ordered(report)
            for part, name, scores in classes(evaluation)
            for figure in _figures({metric: scores.estimate(metric) for metric in CLASS_METRICS})
        ],
        columns=[*_SYSTEM, "part", "class", "support", "predicted", *_FIGURE],
    )


def summary_table(report: Report) -> pd.DataFrame:
    """The metrics of each system on test, and the mean and standard deviation of an agent's objective over seeds."""
    seeds = {scores.agent: scores for scores in report.seeds}
    rows = []
    for evaluation in ordered(report):
        rows += [(*_named(evaluation), *figure, None) for figure in _figures(summary_figures(evaluation))]
        if evaluation.kind == "agent" and evaluation.name in seeds:
            scores = seeds[evaluation.name]
            rows.append((*_named(evaluation), "validation_objective", scores.mean, None, None, scores.standard_deviation))
    table = pd.DataFrame(rows, columns=[*_SYSTEM, *_FIGURE, "standard_deviation"])
    return table.astype({"low": float, "high": float, "standard_deviation": float})


def evidence_table(report: Report) -> pd.DataFrame:
    """Every evidence metric: over all pairs, where ``criterion`` is missing, and by criterion, without intervals."""
    rows = []
    for evaluation in ordered(report):
        if (evidence := evaluation.evidence) is not None:
            rows += [(*_named(evaluation), None, *figure) for figure in _figures(evidence.scores)]
            rows += [
                (*_named(evaluation), criterion, metric, value, None, None)
                for criterion, metrics in evidence.per_criterion.items()
                for metric, value in metrics.items()
            ]
    return pd.DataFrame(rows, columns=[*_SYSTEM, "criterion", *_FIGURE]).astype({"low": float, "high": float})


def comparisons_table(report: Report) -> pd.DataFrame:
    """Each paired test: ``value`` is the first system's figure minus the second's."""
    return pd.DataFrame(
        [
            (each.metric, each.first, each.second, *_limits(each.difference), each.p_value, each.p_holm, each.permutations)
            for each in report.comparisons
        ],
        columns=["metric", "first", "second", "value", "low", "high", "p_value", "p_holm", "permutations"],
    ).astype({"low": float, "high": float})


def gains_table(report: Report) -> pd.DataFrame:
    """What each choice made on validation changes on test: ``value`` is the figure with it minus the one without."""
    return pd.DataFrame(
        [
            (each.agent, each.choice, each.metric, each.criterion, each.without.value, each.chosen.value, *_limits(each.difference))
            for each in report.gains
        ],
        columns=["agent", "choice", "metric", "criterion", "without", "with", "value", "low", "high"],
    ).astype({"low": float, "high": float})


def ensembles_table(report: Report) -> pd.DataFrame:
    """What each ensemble buys on test, a row a metric: ``value`` is its figure minus the single winner's; and what both cost."""
    costs = [name for name in ModelCost.model_fields if name != "members"]
    return pd.DataFrame(
        [
            (
                each.agent, each.kind, each.cost.members, gain.metric, *_limits(gain.difference), gain.p_value,
                *(getattr(cost, name) for name in costs for cost in (each.cost, each.single_cost)),
            )
            for each in report.ensembles
            for gain in each.gain
        ],
        columns=[
            "agent", "ensemble", "members", "metric", "value", "low", "high", "p_value",
            *(f"{name}{of}" for name in costs for of in ("", "_single")),
        ],
    ).astype({"low": float, "high": float})  # fmt: skip


def thresholds_table(report: Report) -> pd.DataFrame:
    """What was chosen on validation: an agent's temperature and shift, and the threshold of each of its criteria."""
    return pd.DataFrame(
        [
            (each.agent, each.temperature, each.shift, criterion, chosen.threshold, chosen.own, chosen.validation_positives)
            for each in report.decisions
            for criterion, chosen in each.criteria.items()
        ],
        columns=["agent", "temperature", "shift", "criterion", "threshold", "own", "validation_positives"],
    )


def errors_table(report: Report) -> pd.DataFrame:
    """Errors of each part of the pairs; a rate is missing where the part has no pair that could be wrong in that way.

    ``false_positive_rate`` is the share of the negative pairs that were predicted, ``false_negative_rate`` that of
    the positive ones that were not.
    """
    table = pd.DataFrame(
        [
            (
                *_named(evaluation), each.group, each.name, each.pairs, each.positives,
                each.false_positives, each.false_negatives, each.token_f1,
            )
            for evaluation in ordered(report)
            for each in evaluation.errors
        ],
        columns=[*_SYSTEM, "group", "name", "pairs", "positives", "false_positives", "false_negatives", "token_f1"],
    )  # fmt: skip
    negatives = table["pairs"] - table["positives"]
    return table.assign(
        false_positive_rate=table["false_positives"].div(negatives.where(negatives > 0)),
        false_negative_rate=table["false_negatives"].div(table["positives"].where(table["positives"] > 0)),
        token_f1=table["token_f1"].astype(float),
    )


def seeds_table(report: Report) -> pd.DataFrame:
    """The winner's objective on validation, one row a seed; ``run`` counts them from 1."""
    return pd.DataFrame(
        [
            (each.agent, run, value, each.mean, each.standard_deviation)
            for each in report.seeds
            for run, value in enumerate(each.values, start=1)
        ],
        columns=["agent", "run", "value", "mean", "standard_deviation"],
    )


def stages_table(report: Report) -> pd.DataFrame:
    """What each stage's study took: a column a state of trials, and the failures by reason in words."""
    states = dict.fromkeys((*STATES, *(state for stage in report.stages for state in stage.states)))
    return pd.DataFrame(
        [
            (
                stage.agent, stage.stage, stage.study, stage.trials, *(stage.states.get(state, 0) for state in states),
                stage.best, stage.training_hours, stage.epochs, _failures(stage.failures),
            )
            for stage in report.stages
        ],
        columns=["agent", "stage", "study", "trials", *states, "best", "training_hours", "epochs", "failures"],
    ).astype({"best": float})  # fmt: skip


def estimate_text(value: float, low: float | None = None, high: float | None = None) -> str:
    """A figure with three decimals, and its interval where it has one: 0.412 [0.351, 0.470]."""
    interval = "" if pd.isna(low) or pd.isna(high) else f" [{low:z.3f}, {high:z.3f}]"
    return f"{value:z.3f}{interval}"


def p_text(p: float) -> str:
    """A p value with three decimals, or <0.001."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _named(evaluation: Evaluation) -> tuple[str, str]:
    return evaluation.name, evaluation.kind


def _limits(figure: Estimate) -> tuple[float, float | None, float | None]:
    return figure.value, figure.low, figure.high


def _figures(figures: Mapping[str, Estimate | None]) -> Iterable[tuple[str, float, float | None, float | None]]:
    return ((name, *_limits(figure)) for name, figure in figures.items() if figure is not None)


def _failures(failures: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in failures.items() if count)
