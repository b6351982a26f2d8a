"""Tables of a report, one row a score, with its value and the ends of its interval in separate columns.

A score that a system does not have has no row: an agent that predicts only spans has no Brier score, for example.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from psy_agents.evaluation.metrics.registry import CLASS_METRICS, SUMMARY
from psy_agents.evaluation.results import BackboneResult, ClassScores, Comparison, Estimate, Evaluation, ModelCost, Report, Selection

NO_SYMPTOMS = "NO_SYMPTOMS"
STATES = ("complete", "pruned", "failed")

_SYSTEM_COLUMNS = ["system", "kind"]
_ESTIMATE_COLUMNS = ["metric", "value", "low", "high"]


def agents_then_baselines(report: Report) -> list[Evaluation]:
    """The evaluations of the agents, then of the baselines, each in the report's order."""
    return sorted(report.evaluations, key=lambda evaluation: evaluation.kind != "agent")


def class_rows(evaluation: Evaluation) -> Iterator[tuple[str, str, ClassScores]]:
    """Each row of a table of criteria: part (criterion, no_symptoms, macro or micro), name and scores."""
    scores = evaluation.criterion
    if scores is not None:
        yield from (("criterion", name, each) for name, each in scores.per_criterion.items())
        yield "no_symptoms", NO_SYMPTOMS, scores.no_symptoms
        yield "macro", "macro", scores.macro
        yield "micro", "micro", scores.micro


def summary_estimates(evaluation: Evaluation) -> dict[str, Estimate]:
    """The estimates of a system by the name of their column in the summary. Estimates that it does not have are left out."""
    return {name: estimate for name in SUMMARY if (estimate := evaluation.estimate(name)) is not None}


def criteria_table(report: Report) -> pd.DataFrame:
    """Every class metric of each class. ``part`` is criterion, no_symptoms, macro or micro."""
    return pd.DataFrame(
        [
            (*_system_cells(evaluation), part, name, scores.support, scores.predicted, *row)
            for evaluation in agents_then_baselines(report)
            for part, name, scores in class_rows(evaluation)
            for row in _metric_rows({metric: scores.estimate(metric) for metric in CLASS_METRICS})
        ],
        columns=[*_SYSTEM_COLUMNS, "part", "class", "support", "predicted", *_ESTIMATE_COLUMNS],
    )


def summary_table(report: Report) -> pd.DataFrame:
    """The metrics of each system on test."""
    rows = [
        (*_system_cells(evaluation), *row)
        for evaluation in agents_then_baselines(report)
        for row in _metric_rows(summary_estimates(evaluation))
    ]
    return pd.DataFrame(rows, columns=[*_SYSTEM_COLUMNS, *_ESTIMATE_COLUMNS]).astype({"low": float, "high": float})


def averages_table(report: Report) -> pd.DataFrame:
    """Averages over all criteria and NO_SYMPTOMS as the classes of one problem, in the terms of the authors of ReDSM5."""
    return pd.DataFrame(
        [
            (*_system_cells(evaluation), name, each.precision, each.recall, each.f1)
            for evaluation in agents_then_baselines(report)
            if evaluation.criterion is not None
            for name, each in evaluation.criterion.averages.items()
        ],
        columns=[*_SYSTEM_COLUMNS, "average", "precision", "recall", "f1"],
    )


def evidence_table(report: Report) -> pd.DataFrame:
    """Every evidence metric: over all pairs, with ``criterion`` missing, and by criterion, without intervals."""
    rows = []
    for evaluation in agents_then_baselines(report):
        if (evidence := evaluation.evidence) is not None:
            rows += [(*_system_cells(evaluation), None, *row) for row in _metric_rows(evidence.scores)]
            rows += [
                (*_system_cells(evaluation), criterion, metric, value, None, None)
                for criterion, metrics in evidence.per_criterion.items()
                for metric, value in metrics.items()
            ]
    return pd.DataFrame(rows, columns=[*_SYSTEM_COLUMNS, "criterion", *_ESTIMATE_COLUMNS]).astype({"low": float, "high": float})


def comparisons_table(report: Report) -> pd.DataFrame:
    """Each paired test. ``value`` is the first system's score minus the second's."""
    return pd.DataFrame(
        [
            (
                each.metric, each.first, each.second, each.with_baseline, *_estimate_cells(each.difference), each.p_value, each.p_holm,
                each.better, each.worse, each.detectable, each.same_answers, each.permutations,
            )
            for each in report.comparisons
        ],
        columns=[
            "metric", "first", "second", "with_baseline", "value", "low", "high", "p_value", "p_holm", "better", "worse", "detectable",
            "same_answers", "permutations",
        ],
    ).astype({"low": float, "high": float, "detectable": float})  # fmt: skip


def gains_table(report: Report) -> pd.DataFrame:
    """The effect on test of each choice made on held-out pairs. ``value`` is the score with the choice minus the score without it."""
    return pd.DataFrame(
        [
            (each.agent, each.choice, each.metric, each.criterion, each.without.value, each.chosen.value, *_estimate_cells(each.difference))
            for each in report.gains
        ],
        columns=["agent", "choice", "metric", "criterion", "without", "with", "value", "low", "high"],
    ).astype({"low": float, "high": float})


def ensembles_table(report: Report) -> pd.DataFrame:
    """The gain of each ensemble on test, one row a metric, and its costs. ``value`` is its score minus the single winner's."""
    costs = [name for name in ModelCost.model_fields if name != "members"]
    return pd.DataFrame(
        [
            (
                each.agent, each.kind, each.cost.members, gain.metric, *_estimate_cells(gain.difference), gain.p_value, gain.detectable,
                *(getattr(cost, name) for name in costs for cost in (each.cost, each.single_cost)),
            )
            for each in report.ensembles
            for gain in each.gain
        ],
        columns=[
            "agent", "ensemble", "members", "metric", "value", "low", "high", "p_value", "detectable",
            *(f"{name}{of}" for name in costs for of in ("", "_single")),
        ],
    ).astype({"low": float, "high": float, "detectable": float})  # fmt: skip


def thresholds_table(report: Report) -> pd.DataFrame:
    """Choices made on held-out pairs: each agent's temperature and shift, and the threshold of each criterion."""
    return pd.DataFrame(
        [
            (each.agent, each.temperature, each.shift, criterion, chosen.threshold, chosen.own, chosen.validation_positives)
            for each in report.decisions
            for criterion, chosen in each.criteria.items()
        ],
        columns=["agent", "temperature", "shift", "criterion", "threshold", "own", "validation_positives"],
    )


def errors_table(report: Report) -> pd.DataFrame:
    """Errors by group of pairs.

    ``false_positive_rate`` is the share of negative pairs that are predicted, ``false_negative_rate`` the share of positive
    pairs that are not. A rate without such a pair is missing.
    """
    table = pd.DataFrame(
        [
            (
                *_system_cells(evaluation), each.group, each.name, each.pairs, each.positives,
                each.false_positives, each.false_negatives, each.token_f1,
            )
            for evaluation in agents_then_baselines(report)
            for each in evaluation.errors
        ],
        columns=[*_SYSTEM_COLUMNS, "group", "name", "pairs", "positives", "false_positives", "false_negatives", "token_f1"],
    )  # fmt: skip
    negatives = table["pairs"] - table["positives"]
    return table.assign(
        false_positive_rate=table["false_positives"].div(negatives.where(negatives > 0)),
        false_negative_rate=table["false_negatives"].div(table["positives"].where(table["positives"] > 0)),
        token_f1=table["token_f1"].astype(float),
    )


def selection_table(report: Report) -> pd.DataFrame:
    """The objective of each agent's winner in the search, confirmed and on test, one row an agent (see `Selection`).

    ``search_gap`` is searched minus test, ``confirmed_gap`` confirmed minus test.
    """
    columns = list(Selection.model_fields)
    table = pd.DataFrame([[getattr(each, name) for name in columns] for each in report.selections], columns=columns)
    table = table.astype({name: float for name in ("searched", "winner_searched", "confirmed", "other_seeds", "test")})
    return table.assign(search_gap=table["searched"] - table["test"], confirmed_gap=table["confirmed"] - table["test"])


def final_models_table(report: Report) -> pd.DataFrame:
    """The final models on test, one row a metric and seed, then their mean. The model of an agent's first seed is handed over."""
    rows = []
    for each in report.final_models:
        by_seed = zip(each.seeds, each.values, strict=True)
        rows += [(each.agent, each.metric, seed, value, None, None, None) for seed, value in by_seed]
        rows.append((each.agent, each.metric, "mean", each.mean.value, each.mean.low, each.mean.high, each.standard_deviation))
    return pd.DataFrame(rows, columns=["agent", "metric", "seed", "value", "low", "high", "standard_deviation"])


def seeds_table(report: Report) -> pd.DataFrame:
    """The winner's objective on held-out pairs, one row a seed."""
    return pd.DataFrame(
        [
            (each.agent, seed, value, each.mean, each.standard_deviation)
            for each in report.seeds
            for seed, value in zip(each.seeds, each.values, strict=True)
        ],
        columns=["agent", "seed", "value", "mean", "standard_deviation"],
    ).astype({"standard_deviation": float})


def stages_table(report: Report) -> pd.DataFrame:
    """The cost of each stage: trials by state, training hours, epochs, and failures by reason."""
    states = dict.fromkeys((*STATES, *(state for stage in report.stages for state in stage.states)))
    return pd.DataFrame(
        [
            (
                stage.agent, stage.stage, stage.study, stage.trials, *(stage.states.get(state, 0) for state in states),
                stage.best, stage.training_hours, stage.epochs, _failures_text(stage.failures),
            )
            for stage in report.stages
        ],
        columns=["agent", "stage", "study", "trials", *states, "best", "training_hours", "epochs", "failures"],
    ).astype({"best": float})  # fmt: skip


def backbones_table(report: Report) -> pd.DataFrame:
    """Each encoder of the agents that searched several, one row an encoder; see `BackboneResult`."""
    columns = list(BackboneResult.model_fields)
    table = pd.DataFrame([[getattr(each, name) for name in columns] for each in report.backbones], columns=columns)
    return table.astype({"best": float, "median": float, "parameters": "Int64", "trained_parameters": "Int64", "ms_per_post": float})


def estimate_text(value: float, low: float | None = None, high: float | None = None) -> str:
    """A value with three decimals and, if given, its interval: 0.412 [0.351, 0.470]."""
    interval = "" if pd.isna(low) or pd.isna(high) else f" [{low:z.3f}, {high:z.3f}]"
    return f"{value:z.3f}{interval}"


def verdict(comparison: Comparison) -> str:
    """What a comparison shows of its first system."""
    if comparison.same_answers:
        return "the same on every pair"
    if comparison.better or comparison.worse:
        return "better" if comparison.better else "worse"
    return "not shown to be better" if comparison.with_baseline else "no difference shown"


def p_text(p: float) -> str:
    """A p value with three decimals, or <0.001."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _system_cells(evaluation: Evaluation) -> tuple[str, str]:
    return evaluation.name, evaluation.kind


def _estimate_cells(estimate: Estimate) -> tuple[float, float | None, float | None]:
    return estimate.value, estimate.low, estimate.high


def _metric_rows(estimates: Mapping[str, Estimate | None]) -> Iterable[tuple[str, float, float | None, float | None]]:
    return ((name, *_estimate_cells(estimate)) for name, estimate in estimates.items() if estimate is not None)


def _failures_text(failures: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in failures.items() if count)
