"""Known failures of an agent on test, computed from its evaluation: rare criteria, low recall, misses, false positives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psy_agents.evaluation.metrics.registry import OBJECTIVES
from psy_agents.evaluation.results import ClassScores, ErrorSlice, Estimate, Evaluation, Report
from psy_agents.release.markdown import code, render_markdown
from psy_agents.reporting.texts import readable_name

WORST = 3
CRISIS = (
    "Anyone who may be at risk needs a person, not this model. [findahelpline.com](https://findahelpline.com) lists crisis lines by "
    "country, free of charge; if a life is in danger, call the local emergency number. Do not tell "
    "anyone that there is no risk because the model found none, and let no alarm depend on it."
)


@dataclass(frozen=True)
class Misses:
    """Positive pairs of one criterion on test that the agent did not find.

    Attributes:
        rate: missed / support, 1 - recall with its interval. None if there is no positive pair.
    """

    criterion: str
    support: int
    missed: int
    rate: Estimate | None


def misses(evaluation: Evaluation) -> list[Misses]:
    """Misses of every criterion, in the order of the corpus."""
    slices = {each.name: each for each in evaluation.errors if each.group == "criterion"}
    return [_misses(name, scores, slices.get(name)) for name, scores in evaluation.criterion.per_criterion.items()]


def _misses(criterion: str, scores: ClassScores, errors: ErrorSlice | None) -> Misses:
    if not scores.support:
        return Misses(criterion, 0, 0, None)
    low, high = (None if end is None else 1 - end for end in (scores.recall.high, scores.recall.low))
    return Misses(criterion, scores.support, errors.false_negatives, Estimate(value=1 - scores.recall.value, low=low, high=high))


def rarest(evaluation: Evaluation) -> list[tuple[str, ClassScores]]:
    """The criteria with the fewest positive pairs on test, of those with one."""
    return sorted(_present(evaluation), key=lambda each: each[1].support)[:WORST]


def least_recalled(evaluation: Evaluation) -> list[tuple[str, ClassScores]]:
    """The criteria with the lowest recall, of those with a positive pair on test."""
    return sorted(_present(evaluation), key=lambda each: each[1].recall.value)[:WORST]


def _present(evaluation: Evaluation) -> list[tuple[str, ClassScores]]:
    return [each for each in evaluation.criterion.per_criterion.items() if each[1].support]


def failures_section(report: Report, evaluation: Evaluation, safety_critical: Sequence[str]) -> str:
    """The text of the card's section on known failures."""
    missed = misses(evaluation)
    evidence = {} if evaluation.evidence is None else evaluation.evidence.per_criterion
    return render_markdown(
        "known_failures.md",
        report=report,
        evaluation=evaluation,
        missed=missed,
        missed_rows=[(code(each.criterion), each.support, each.missed, each.rate) for each in missed],
        rarest=rarest(evaluation),
        least_recalled=least_recalled(evaluation),
        absent=[name for name, scores in evaluation.criterion.per_criterion.items() if not scores.support],
        worst_evidence=sorted((scores[OBJECTIVES["evidence"]], name) for name, scores in evidence.items())[:WORST],
        safety_critical=safety_critical,
        crisis=CRISIS,
        slice_rows=[
            (readable_name(each.name), each.pairs, each.positives, each.false_negatives, each.false_positives)
            for each in evaluation.errors
            if each.group != "criterion"
        ],
    )
