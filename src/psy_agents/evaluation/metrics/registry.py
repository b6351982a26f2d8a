"""The registry of metrics: it finds them in the folders `criteria` and `evidence`, and has their names and titles in tables."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import AfterValidator

from psy_agents.evaluation.metrics.kinds import (
    ClassMetric,
    EvidenceMetric,
    Mean,
    Metric,
    PostMetric,
    ProbabilityMetric,
    Side,
)

FOLDERS = ("psy_agents.evaluation.metrics.criteria", "psy_agents.evaluation.metrics.evidence")
Kind = TypeVar("Kind", bound=Metric)


@dataclass(frozen=True)
class SummaryColumn:
    """A column of the summary: a mean of a class metric, or a metric of another kind.

    Attributes:
        name: name of the column, unique in the summary.
        metric: the metric.
        mean: which mean of a class metric; None for metrics of other kinds.
    """

    name: str
    metric: Metric
    mean: Mean | None = None

    @property
    def title(self) -> str:
        """Title on pages."""
        return _with_mean(self.metric.title, self.mean)

    @property
    def heading(self) -> str:
        """Heading in LaTeX tables."""
        return _with_mean(self.metric.heading, self.mean)

    @property
    def card_title(self) -> str:
        """Title in the model card, which lists both sides together."""
        return f"{self.title} of {self.metric.side}"


def _with_mean(text: str, mean: Mean | None) -> str:
    """macro-F1, macro-AUPRC, macro-precision."""
    if mean is None:
        return text
    return f"{mean}-{text[0].lower() + text[1:] if text[1:2].islower() else text}"


def find_metrics(folders: tuple[str, ...] = FOLDERS) -> tuple[Metric, ...]:
    """Every metric declared in a module of the folders, by position, then by name.

    Raises:
        ValueError: two metrics of one side have the same name.
    """
    found: dict[int, Metric] = {}
    for folder in folders:
        for module in pkgutil.iter_modules(importlib.import_module(folder).__path__, f"{folder}."):
            values = vars(importlib.import_module(module.name)).values()
            found |= {id(value): value for value in values if isinstance(value, Metric)}
    metrics = sorted(found.values(), key=lambda metric: (metric.position, metric.name))
    names = [(metric.side, metric.name) for metric in metrics]
    if duplicates := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"Two metrics of {duplicates[0][0]} are named {duplicates[0][1]}.")
    return tuple(metrics)


METRICS = find_metrics()


def of_kind(kind: type[Kind]) -> dict[str, Kind]:
    """The metrics of one kind by name, in order."""
    return {metric.name: metric for metric in METRICS if isinstance(metric, kind)}


def _summary() -> dict[str, SummaryColumn]:
    columns = [
        *(SummaryColumn(f"{mean}_{each.name}", each, mean) for each in of_kind(ClassMetric).values() for mean in each.in_summary),
        *(SummaryColumn(each.name, each) for each in METRICS if isinstance(each, PostMetric | ProbabilityMetric) and each.in_summary),
        *(SummaryColumn(each.summary_name or each.name, each) for each in of_kind(EvidenceMetric).values() if each.in_summary),
    ]
    by_name = {column.name: column for column in columns}
    if len(by_name) < len(columns):
        raise ValueError("Two columns of the summary have the same name: give the metric of evidence a summary_name.")
    return by_name


CLASS_METRICS = of_kind(ClassMetric)
OVERALL_METRICS = of_kind(PostMetric) | of_kind(ProbabilityMetric)
EVIDENCE_METRICS = of_kind(EvidenceMetric)
SUMMARY = _summary()
"""The columns of the summary by name: metrics of criteria, then metrics of evidence."""
OBJECTIVES: dict[Side, str] = {"criteria": "macro_f1", "evidence": "token_f1"}
"""The metric of each side that training maximises. Reports compare systems by it."""
TITLES = {name: column.title for name, column in SUMMARY.items()}
TITLES |= {name: metric.title for name, metric in (EVIDENCE_METRICS | CLASS_METRICS).items() if name not in TITLES}
"""The title of each metric name in the tables of the report."""


def summary_of(side: Side) -> dict[str, SummaryColumn]:
    """The columns of the summary for one side."""
    return {name: column for name, column in SUMMARY.items() if column.metric.side == side}


def lower_is_better(side: Side) -> str:
    """A phrase that names the metrics of the summary for which less is better; empty if there are none."""
    titles = [column.title for column in summary_of(side).values() if not column.metric.higher_is_better]
    return f"for {' and '.join(titles)} less is better" if titles else ""


def _check_metric_name(name: str) -> str:
    if name not in TITLES:
        raise ValueError(f"There is no metric {name} (there are: {', '.join(TITLES)}).")
    return name


MetricName = Annotated[str, AfterValidator(_check_metric_name)]
"""The name of a metric in a table of the report."""
