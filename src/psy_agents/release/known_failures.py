"""Where the agent fails on test, computed from its evaluation: rare criteria, low recall, what it misses, what it invents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psy_agents.evaluation.results import ClassScores, ErrorSlice, Estimate, Evaluation, Report
from psy_agents.release.markdown import bullets, cell, code, table

WORST = 3
CRISIS = (
    "Whoever may be at risk needs a person, not this model. [findahelpline.com](https://findahelpline.com) lists crisis lines by "
    "country, free of charge; where a life is in danger, call the local emergency number. Nobody should be told that there is no "
    "risk because the model found none, and no alarm should depend on it."
)


@dataclass(frozen=True)
class Misses:
    """Positive pairs of one criterion on test that the agent did not find.

    Attributes:
        rate: missed / support with the interval of the recall, turned round; None where there is no positive pair.
    """

    criterion: str
    support: int
    missed: int
    rate: Estimate | None


def misses(evaluation: Evaluation) -> list[Misses]:
    """Of every criterion, in the corpus' order."""
    slices = {each.name: each for each in evaluation.errors if each.group == "criterion"}
    return [_misses(name, scores, slices.get(name)) for name, scores in evaluation.criterion.per_criterion.items()]


def _misses(criterion: str, scores: ClassScores, errors: ErrorSlice | None) -> Misses:
    if not scores.support:
        return Misses(criterion, 0, 0, None)
    low, high = (None if end is None else 1 - end for end in (scores.recall.high, scores.recall.low))
    return Misses(criterion, scores.support, errors.false_negatives, Estimate(value=1 - scores.recall.value, low=low, high=high))


def rarest(evaluation: Evaluation) -> list[tuple[str, ClassScores]]:
    """The criteria with the fewest positive pairs on test."""
    return sorted(evaluation.criterion.per_criterion.items(), key=lambda each: each[1].support)[:WORST]


def least_recalled(evaluation: Evaluation) -> list[tuple[str, ClassScores]]:
    """The criteria with the lowest recall, of those with a positive pair on test."""
    present = [each for each in evaluation.criterion.per_criterion.items() if each[1].support]
    return sorted(present, key=lambda each: each[1].recall.value)[:WORST]


def failures_section(report: Report, evaluation: Evaluation, safety_critical: Sequence[str]) -> str:
    """The section of the card."""
    missed = misses(evaluation)
    support = sum(each.support for each in missed)
    parts = [
        f"Computed on the {report.posts:,} posts of the test split. The agent misses {sum(each.missed for each in missed):,} of its "
        f"{support:,} positive pairs. Intervals are wide where support is small, and none is given where no resample has a positive.",
        bullets(_found(evaluation)),
        "### What it misses, by criterion",
        table(
            ("Criterion", "positive pairs", "missed", "share missed [95 % interval]"),
            ((code(each.criterion), each.support, each.missed, each.rate) for each in missed),
        ),
        _safety(missed, safety_critical),
        _slices(evaluation),
        _alarms(report),
    ]
    return "\n\n".join(part for part in parts if part)


def _found(evaluation: Evaluation) -> list[str]:
    rare = ", ".join(f"{code(name)} ({scores.support})" for name, scores in rarest(evaluation))
    low = ", ".join(f"{code(name)} ({cell(scores.recall)})" for name, scores in least_recalled(evaluation))
    absent = [code(name) for name, scores in evaluation.criterion.per_criterion.items() if not scores.support]
    lines = [f"Fewest positive pairs on test: {rare}. What is said of them is uncertain.", f"Lowest recall on test: {low}."]
    if absent:
        lines.append(f"No positive pair on test, so nothing is known: {', '.join(absent)}.")
    if evaluation.evidence is not None and (by := evaluation.evidence.per_criterion):
        worst = sorted((figures["token_f1"], name) for name, figures in by.items())[:WORST]
        lines.append("Lowest token-F1 of evidence: " + ", ".join(f"{code(name)} ({value:.3f})" for value, name in worst) + ".")
    if evaluation.criterion.ece is not None:
        lines.append(f"Expected calibration error {cell(evaluation.criterion.ece)}: its probabilities are no clinical risk.")
    return lines


def _safety(missed: Sequence[Misses], safety_critical: Sequence[str]) -> str:
    if not safety_critical:
        return "The corpus' configuration names no criterion whose misses may endanger somebody (`safety_critical`)."
    lines = []
    for each in missed:
        if each.criterion in safety_critical:
            lines.append(
                f"{code(each.criterion)}: no positive pair on test, so it is not known how often it is missed."
                if each.rate is None
                else f"{code(each.criterion)}: **{each.missed} of {each.support} positive pairs missed**, share {cell(each.rate)}."
            )
    return "\n\n".join(["### Misses that may endanger somebody", bullets(lines), f"> {CRISIS}"])


def _slices(evaluation: Evaluation) -> str:
    rows = [
        (each.name.replace("_", " "), each.pairs, each.positives, each.false_negatives, each.false_positives)
        for each in evaluation.errors
        if each.group != "criterion"
    ]
    heads = ("Pairs", "all", "positive", "false negatives", "false positives")
    return "\n\n".join(["### By origin of the pair and length of the post", table(heads, rows)])


def _alarms(report: Report) -> str:
    if not report.alarms:
        return ""
    return bullets(
        f"**No better than the baseline {each.baseline}**: {each.metric} {each.value:.3f} against {each.baseline_value:.3f} on test."
        for each in report.alarms
    )
