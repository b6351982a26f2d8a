"""Known failures of an agent on test, computed from its evaluation: rare criteria, low recall, misses, false positives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from psy_agents.evaluation.metrics.registry import OBJECTIVES
from psy_agents.evaluation.results import ClassScores, ErrorSlice, Estimate, Evaluation, Report
from psy_agents.release.markdown import cell, code, render_markdown
from psy_agents.reporting.tables import estimate_text
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


@dataclass(frozen=True)
class Lowest:
    """The criteria with the lowest values.

    Attributes:
        shown: name and value as text.
        more: the number of further criteria whose value is that of the last shown.
    """

    shown: list[tuple[str, str]]
    more: int


def lowest(values: Mapping[str, float], text: Callable[[str], str]) -> Lowest:
    """The `WORST` lowest values; ties are in the order of the corpus.

    Args:
        values: by criterion.
        text: the value of a criterion as text.
    """
    names = sorted(values, key=values.__getitem__)
    shown = names[:WORST]
    return Lowest([(name, text(name)) for name in shown], sum(values[name] == values[shown[-1]] for name in names[WORST:]))


def failures_section(report: Report, evaluation: Evaluation, safety_critical: Sequence[str]) -> str:
    """The text of the card's section on known failures."""
    missed = misses(evaluation)
    present = {name: scores for name, scores in evaluation.criterion.per_criterion.items() if scores.support}
    evidence = {} if evaluation.evidence is None else evaluation.evidence.per_criterion
    token_f1 = {name: scores[OBJECTIVES["evidence"]] for name, scores in evidence.items()}
    return render_markdown(
        "known_failures.md",
        report=report,
        evaluation=evaluation,
        missed=missed,
        missed_rows=[(code(each.criterion), each.support, each.missed, each.rate) for each in missed],
        rarest=lowest({name: each.support for name, each in present.items()}, lambda name: f"{present[name].support:,}"),
        least_recalled=lowest({name: each.recall.value for name, each in present.items()}, lambda name: cell(present[name].recall)),
        absent=[name for name, scores in evaluation.criterion.per_criterion.items() if not scores.support],
        worst_evidence=lowest(token_f1, lambda name: estimate_text(token_f1[name])),
        safety_critical=safety_critical,
        crisis=CRISIS,
        slice_rows=[
            (readable_name(each.name), each.pairs, each.positives, each.false_negatives, each.false_positives)
            for each in evaluation.errors
            if each.group != "criterion"
        ],
    )
