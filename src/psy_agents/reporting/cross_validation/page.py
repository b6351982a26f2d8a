"""The page and the table of a cross-validation."""

from __future__ import annotations

import pandas as pd

from psy_agents.reporting.cross_validation.build import CrossValidationReport, headline
from psy_agents.reporting.page_parts import Cell, Section, Table
from psy_agents.reporting.report_page.page import ceiling
from psy_agents.reporting.report_page.results import comparisons_section, criteria_section, evidence_section
from psy_agents.reporting.tables import criteria_table, evidence_table
from psy_agents.reporting.templating import render

NOTES = (
    "Each post is tested once, by a model whose search, refit and thresholds did not see it. The figures are those of the procedure, not "
    "of one model that could be handed over.",
    "Predictions of all folds are pooled before a metric is computed. Metrics of probabilities, such as AUPRC, compare probabilities of "
    "different models there.",
    "Intervals and tests take the predictions as they are. How much trainings differ shows only in the table of folds, whose standard "
    "deviation is no standard error: the folds share training posts.",
)


def cross_validation_table(report: CrossValidationReport) -> pd.DataFrame:
    """Every score on the pooled predictions: of each criterion, then of the evidence, with the columns of the report's tables."""
    return pd.concat([criteria_table(report), evidence_table(report)], ignore_index=True)


def cross_validation_page(report: CrossValidationReport) -> str:
    """Lay out the page."""
    sections = {
        "Folds": Section(tables=[_folds_table(report), _parameters_table(report)]),
        "Criteria": criteria_section(report, {}),
        "Evidence": evidence_section(report),
        "Comparisons": comparisons_section(report),
    }
    return render(
        "psy_agents.reporting",
        "sections.html",
        title="Cross-validation",
        headline=f"{headline(report)}.",
        notes=[*NOTES, *([] if report.annotators is None or report.annotators.mean_f1 is None else [ceiling(report.annotators)])],
        nothing_noted="",
        sections={title: section for title, section in sections.items() if section is not None},
    )


def _folds_table(report: CrossValidationReport) -> Table:
    rows: list[list[Cell]] = [
        [
            f"fold {each.fold}", *(each.posts[name] for name in ("train", "validation", "test")),
            *(f"{value:.3f}" for value in (each.searched_value, each.confirmed_value, each.test_value)), each.epochs, each.final_study,
        ]
        for each in report.summary.results
    ]  # fmt: skip
    tested = [each.test_value for each in report.summary.results]
    of_folds = {"mean": report.mean, "lowest": min(tested), "highest": max(tested), "standard deviation": report.standard_deviation}
    return Table(
        "The objective of each fold's winner: the highest on validation in the search, the mean over the refit's seeds on held-out posts, "
        "and on the test posts. The first two chose the winner and are too high on average; the last chose nothing",
        ["Fold", "Train", "Validation", "Test", "Searched", "Confirmed", "Tested", "Epochs", "Study of the final training"],
        [
            *rows,
            *([name, None, None, None, None, None, f"{value:.3f}", None, None] for name, value in of_folds.items()),
        ],
    )


def _parameters_table(report: CrossValidationReport) -> Table:
    """How much the folds agree on hyper-parameters."""
    results = report.summary.results
    names = list(dict.fromkeys(name for each in results for name in each.params))
    return Table(
        "The hyper-parameters that each fold's search and refit chose; all others are fixed",
        ["Hyper-parameter", *(f"fold {each.fold}" for each in results)],
        [[name, *(_shown(each.params.get(name)) for each in results)] for name in names],
    )


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
