r"""Tables of a report for a paper, in LaTeX with booktabs.

The table of criteria has the form of that in Bao, Pérez and Parapar, "ReDSM5: A Reddit Dataset for DSM-5 Depression
Detection" (CIKM 2025): symptoms with their support, precision, recall and F1 of each model, macro and micro means last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from psy_agents.evaluation.results import ClassScores, Estimate, Evaluation, Report
from psy_agents.reporting.tables import NO_SYMPTOMS, classes, ordered, p_text, summary_figures

PREAMBLE = r"% Needs \usepackage{booktabs}. A table that is too wide fits in {\small ...} or \resizebox (graphicx)."
CRITERIA_NOTE = (
    r"Test pairs, by criterion. P: precision, R: recall; best F1 of a row in bold. "
    r"$^\dagger$ derived: a criterion with a predicted span counts as met."
)
SUMMARY_HEADS = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "macro_auprc": "AUPRC",
    "exact_match": "EM",
    "ece": "ECE",
    "brier": "Brier",
    "token_f1": "token-F1",
    "sentence_f1": "sent.-F1",
    "character_iou": "IoU",
    "evidence_exact_match": "EM",
    "has_answer_f1": "has-ans.",
    "no_answer_accuracy": "no-ans.",
}
SIDES = {"Criteria": 6, "Evidence": 6}
METRICS = {"macro_f1": "macro-F1", "token_f1": "token-F1"}
ENSEMBLES = {"seeds": "seeds", "top_k": "best candidates"}
GAINS = {"ece": "ECE", "brier": "Brier", "macro_f1": "macro-F1"}

# Brackets and stars mean something after the end of a row; the others are letters of TeX's own.
_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\symbol{34}", "[": "{[}", "]": "{]}", "*": "{*}", "`": r"\textasciigrave{}",
}  # fmt: skip


def latex_text(text: str) -> str:
    """Text that TeX sets to the letter; white space, line ends included, becomes single spaces."""
    return "".join(_ESCAPES.get(letter, letter) for letter in re.sub(r"\s+", " ", text).strip())


def latex_tables(report: Report) -> str:
    """Every table of the report as one file: criteria, their intervals, summary, comparisons, gains, ensembles."""
    tables = (criteria_latex, intervals_latex, summary_latex, comparisons_latex, gains_latex, ensembles_latex)
    return "\n".join([PREAMBLE, *(table(report) for table in tables)])


def criteria_latex(report: Report, systems: Sequence[str] | None = None) -> str:
    """P, R and F1 of each class, the best F1 of a row in bold (several where they are equal to two decimals).

    Args:
        systems: names, in order; None: the agents and the baseline with the best macro-F1.
    """
    shown = _chosen(report, systems)
    by_class = _by_class(shown)
    rows = []
    for key, scores in by_class.items():
        best = max((f"{each.f1.value:.2f}" for each in scores if each and each.support), default="")
        cells = [_class_name(key), *_support(scores)]
        for each in scores:
            if each is None or not each.support:  # Nobody predicts it, or there was nothing to find.
                cells += ["" if each is None else "--"] * 3
            else:
                cells += [_two(each.precision), _two(each.recall), _bold(_two(each.f1), best)]
        rows.append((key[0], cells))
    heads = [
        ["", "", *(rf"\multicolumn{{3}}{{c}}{{{_system(each)}}}" for each in shown)],
        ["Criterion", "Support", *(["P", "R", "F1"] * len(shown))],
    ]
    rules = " ".join(rf"\cmidrule(lr){{{3 + 3 * place}-{5 + 3 * place}}}" for place in range(len(shown)))
    return _table(CRITERIA_NOTE, "criteria", "lr" + "rrr" * len(shown), heads, rules, _grouped(rows))


def intervals_latex(report: Report, systems: Sequence[str] | None = None) -> str:
    """F1 of each class with its interval; arguments as for `criteria_latex`."""
    shown = _chosen(report, systems)
    rows = [
        (key[0], [_class_name(key), *_support(scores), *map(_f1_with_interval, scores)])
        for key, scores in _by_class(shown).items()
    ]
    heads = [["Criterion", "Support", *map(_system, shown)]]
    note = rf"F1 with 95\,\% percentile intervals of a bootstrap by post ({report.resamples:,} resamples)."
    return _table(note, "intervals", "lr" + "l" * len(shown), heads, "", _grouped(rows))


def summary_latex(report: Report) -> str:
    """One row a system: agents, then baselines; intervals are in the files of the report."""
    rows = []
    for each in ordered(report):
        figures = summary_figures(each)
        cells = [_two(figures[metric]) if metric in figures else "" for metric in SUMMARY_HEADS]
        rows.append((each.kind, [_system(each), *cells]))
    sides = [rf"\multicolumn{{{columns}}}{{c}}{{{side}}}" for side, columns in SIDES.items()]
    heads = [["", *sides], ["System", *SUMMARY_HEADS.values()]]
    rules = r"\cmidrule(lr){2-7} \cmidrule(lr){8-13}"
    note = r"All systems on the test pairs; for ECE and Brier less is better. $^\dagger$ criteria derived from spans."
    return _table(note, "summary", "l" + "r" * len(SUMMARY_HEADS), heads, rules, _grouped(rows))


def comparisons_latex(report: Report) -> str:
    """Paired differences with their intervals and p values."""
    rows = [
        (
            each.metric,
            [
                METRICS[each.metric],
                f"{latex_text(each.first)} $-$ {latex_text(each.second)}",
                _with_interval(each.difference),
                _p(each.p_value),
                _p(each.p_holm),
            ],
        )
        for each in report.comparisons
    ]
    heads = [["Metric", "Systems", "Difference", "$p$", r"$p_\mathrm{Holm}$"]]
    return _table("Paired permutation tests by post.", "comparisons", "lllrr", heads, "", _grouped(rows))


def gains_latex(report: Report) -> str:
    """What calibration and thresholds by criterion change on test; F1 of single criteria is in the files of the report."""
    rows = [
        (
            each.choice,
            [
                latex_text(each.agent),
                GAINS[each.metric],
                _three(each.without),
                _three(each.chosen),
                _with_interval(each.difference),
            ],
        )
        for each in report.gains
        if each.criterion is None
    ]
    heads = [["Agent", "Metric", "Without", "With", "Difference"]]
    note = (
        r"What is chosen on validation, on test: a temperature for the probabilities (ECE, Brier: less is better), and thresholds "
        r"by criterion in place of one for all (macro-F1)."
    )
    return _table(note, "gains", "llrrl", heads, "", _grouped(rows))


def ensembles_latex(report: Report) -> str:
    """What each ensemble gains over its single winner, and how many times the winner's training and prediction it takes."""
    rows = [
        (
            each.agent,
            [
                latex_text(each.agent),
                ENSEMBLES[each.kind],
                str(each.cost.members),
                METRICS[gain.metric],
                _with_interval(gain.difference),
                _p(gain.p_value),
                *(_times(getattr(each.cost, name), getattr(each.single_cost, name)) for name in ("train_seconds", "test_seconds")),
            ],
        )
        for each in report.ensembles
        for gain in each.gain
    ]
    heads = [["Agent", "Of", "Members", "Metric", "Difference", "$p$", "Training", "Prediction"]]
    note = "Ensembles minus the single winner on test; training and prediction in multiples of the winner's seconds."
    return _table(note, "ensembles", "llrllrrr", heads, "", _grouped(rows))


def _times(cost: float, single: float) -> str:
    return rf"$\times${cost / single:.1f}" if single else "--"


def _chosen(report: Report, systems: Sequence[str] | None) -> list[Evaluation]:
    with_criteria = {each.name: each for each in ordered(report) if each.criterion is not None}
    if systems is None:
        baselines = [each for each in with_criteria.values() if each.kind == "baseline"]
        best = sorted(baselines, key=lambda each: each.criterion.macro.f1.value)[-1:]
        return [*(each for each in with_criteria.values() if each.kind == "agent"), *best]
    return [with_criteria[name] for name in systems]


def _by_class(shown: Sequence[Evaluation]) -> dict[tuple[str, str], list[ClassScores | None]]:
    """Scores of every system by part and name of the class, in the order of the classes; means last."""
    tables = [{(part, name): scores for part, name, scores in classes(each)} for each in shown]
    keys = list(dict.fromkeys(key for table in tables for key in table))
    return {key: [table.get(key) for table in tables] for key in keys}


def _support(scores: Iterable[ClassScores | None]) -> list[str]:
    return [f"{next(each.support for each in scores if each is not None):,}"]


def _class_name(key: tuple[str, str]) -> str:
    part, name = key
    return {"macro": "Macro", "micro": "Micro", "no_symptoms": latex_text(NO_SYMPTOMS)}.get(part, latex_text(name))


def _system(evaluation: Evaluation) -> str:
    derived = evaluation.criterion is not None and evaluation.criterion.derived
    return latex_text(evaluation.name) + (r"$^\dagger$" if derived else "")


def _two(figure: Estimate) -> str:
    return f"{figure.value:.2f}"


def _three(figure: Estimate) -> str:
    return f"{figure.value:.3f}"


def _bold(cell: str, best: str) -> str:
    return rf"\textbf{{{cell}}}" if cell == best and float(cell) > 0 else cell


def _f1_with_interval(scores: ClassScores | None) -> str:
    if scores is None:
        return ""
    return _with_interval(scores.f1) if scores.support else "--"


def _with_interval(figure: Estimate) -> str:
    if figure.low is None or figure.high is None:
        return f"${figure.value:z.3f}$"
    return f"${figure.value:z.3f}_{{[{figure.low:z.3f},\\,{figure.high:z.3f}]}}$"


def _p(p: float) -> str:
    return f"${p_text(p)}$"


def _grouped(rows: Sequence[tuple[str, list[str]]]) -> list[str]:
    r"""Lines of a table's body, with a rule where the group changes from the rows of one kind to those of another."""
    lines: list[str] = []
    means = ("macro", "micro")
    for place, (group, cells) in enumerate(rows):
        before = rows[place - 1][0] if place else group
        if group != before and not (group in means and before in means):
            lines.append(r"\midrule")
        lines.append(_row(cells))
    return lines


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _table(note: str, label: str, columns: str, heads: Sequence[Sequence[str]], rules: str, body: Sequence[str]) -> str:
    """A floating table; ``rules`` stand under the first of two head rows."""
    first, *others = [_row(head) for head in heads]
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{note}}}", rf"\label{{tab:psy-agents-{label}}}",
        rf"\begin{{tabular}}{{{columns}}}", r"\toprule", first, *([rules] if rules else []), *others, r"\midrule",
        *body, r"\bottomrule", r"\end{tabular}", r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
