r"""Tables of a report in LaTeX, with booktabs.

The table of classes is in the terms of Bao, Pérez and Parapar, "ReDSM5: A Reddit Dataset for DSM-5 Depression Detection" (CIKM 2025):
their ten classes are the nine symptoms and NO_SYMPTOMS, and their averages are scikit-learn's. The table of criteria has our rules:
means over the criteria with a positive, and NO_SYMPTOMS in none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psy_agents.evaluation.metrics.criteria.f1 import F1
from psy_agents.evaluation.metrics.registry import CLASS_METRICS, OBJECTIVES, SUMMARY, TITLES, lower_is_better
from psy_agents.evaluation.results import ClassScores, Estimate, Evaluation, Report
from psy_agents.reporting.latex_table import NO_HEAD, latex_table, latex_text
from psy_agents.reporting.tables import NO_SYMPTOMS, agents_then_baselines, class_rows, p_text, summary_estimates

PREAMBLE = r"% Needs \usepackage{booktabs}. A table that is too wide fits in {\small ...} or \resizebox (graphicx)."
AUTHORS_METRICS, AVERAGES = ("precision", "recall", "f1"), ("micro", "macro", "weighted", "samples")
ENSEMBLES = {"seeds": "seeds", "top_k": "best candidates"}
DAGGER = r"$^\dagger$"


def latex_tables(report: Report) -> str:
    """The tables as the text of one file: criteria, their intervals, ReDSM5's classes, summary; comparisons, final models,
    gains, ensembles and backbones if any."""
    tables = [criteria_latex, intervals_latex, classes_latex, summary_latex]
    tables += [comparisons_latex] if report.comparisons else []
    tables += [final_models_latex] if report.final_models else []
    tables += [gains_latex] if any(each.criterion is None for each in report.gains) else []
    tables += [ensembles_latex] if report.ensembles else []
    tables += [backbones_latex] if report.backbones else []
    return "\n".join([PREAMBLE, *(table(report) for table in tables)])


def criteria_latex(report: Report, systems: Sequence[str] | None = None) -> str:
    """The class metrics marked ``in_latex_classes``. The best F1 of a row is bold; several are if they are equal to two decimals.

    Args:
        systems: names of systems in order. By default the agents and the baseline with the best macro-F1.
    """
    evaluations = _selected(report, systems)
    metrics = {name: metric for name, metric in CLASS_METRICS.items() if metric.in_latex_classes}
    rows = []
    for key, scores in _by_class(evaluations).items():
        best = max((_two_decimals(each.estimate(F1.name)) for each in scores if each and each.support), default="")
        cells = [_class_name(key), _support(scores)]
        for each in scores:
            if each is None or not each.support:  # The system does not have the class, or the class has no gold positive.
                cells += ["" if each is None else "--"] * len(metrics)
            else:
                texts = {name: _two_decimals(each.estimate(name)) for name in metrics}
                cells += (texts | {F1.name: _bold(texts[F1.name], best)}).values()
        rows.append((key[0], cells))
    heads = [("", "Criterion"), (NO_HEAD, "Support")]
    heads += [(_system_name(each), latex_text(metric.heading)) for each in evaluations for metric in metrics.values()]
    short = ", ".join(f"{each.heading}: {each.title.lower()}" for each in metrics.values() if each.heading != each.title)
    note = (
        rf"Test pairs, by criterion. {latex_text(short)}; best F1 of a row in bold. Macro and micro are of the criteria with a positive, "
        r"without NO\_SYMPTOMS. "
        rf"{DAGGER} derived: a criterion with a predicted span counts as met.{_chosen_baseline(evaluations, systems)}"
    )
    return latex_table(note, "criteria", "lr" + "r" * len(metrics) * len(evaluations), heads, rows)


def intervals_latex(report: Report, systems: Sequence[str] | None = None) -> str:
    """F1 of each class with its interval. The arguments are those of `criteria_latex`."""
    evaluations = _selected(report, systems)
    rows = [
        (key[0], [_class_name(key), _support(scores), *map(_f1_with_interval, scores)])
        for key, scores in _by_class(evaluations).items()
    ]
    heads = ["Criterion", "Support", *map(_system_name, evaluations)]
    note = (
        r"F1 with 95\,\% intervals: Wilson's interval of the overlap TP / (TP + FP + FN), mapped to F1; of the macro mean from Clopper and "
        rf"Pearson's intervals of the criteria's overlaps.{_chosen_baseline(evaluations, systems)}"
    )
    return latex_table(note, "intervals", "lr" + "l" * len(evaluations), heads, rows)


def classes_latex(report: Report, systems: Sequence[str] | None = None) -> str:
    """Precision, recall and F1 of the criteria and NO_SYMPTOMS, and their averages as ReDSM5's authors have them.

    The arguments are those of `criteria_latex`.
    """
    evaluations = _selected(report, systems)
    rows = []
    for key, scores in _by_class(evaluations).items():
        if key[0] in ("criterion", "no_symptoms"):
            cells = [_zero_if_undefined(each, name) for each in scores for name in AUTHORS_METRICS]
            rows.append(("class", [_class_name(key), _support(scores), *cells]))
    support = sum(int(cells[1].replace(",", "")) for _, cells in rows)
    for average in AVERAGES:
        cells = [f"{getattr(each.criterion.averages[average], name):.2f}" for each in evaluations for name in AUTHORS_METRICS]
        rows.append(("average", [f"{average} avg", f"{support:,}", *cells]))
    heads = [("", "Class"), (NO_HEAD, "Support")]
    heads += [(_system_name(each), head) for each in evaluations for head in ("P", "R", "F1")]
    note = (
        r"Classes and averages in the terms of Bao, P\'erez and Parapar (ReDSM5, CIKM 2025): the criteria and NO\_SYMPTOMS, a post without "
        r"any criterion, are the classes of one multi-label problem; averages are those of scikit-learn's classification report, where a "
        r"ratio with denominator 0 is 0. Comparable with their table: classes and averages. Not comparable unless the test posts are "
        rf"theirs: the values.{_chosen_baseline(evaluations, systems)}"
    )
    return latex_table(note, "classes", "lr" + "r" * len(AUTHORS_METRICS) * len(evaluations), heads, rows)


def _zero_if_undefined(scores: ClassScores | None, name: str) -> str:
    """A class without a positive counts as 0, as in the authors' averages."""
    if scores is None:
        return ""
    return "0.00" if scores.estimate(name) is None else _two_decimals(scores.estimate(name))


def summary_latex(report: Report) -> str:
    """One row a system, agents first. The report's CSV files hold the intervals."""
    rows = []
    for each in agents_then_baselines(report):
        estimates = summary_estimates(each)
        rows.append((each.kind, [_system_name(each), *(_two_decimals(estimates[name]) if name in estimates else "" for name in SUMMARY)]))
    heads = [("", "System"), *((each.metric.side.capitalize(), latex_text(each.heading)) for each in SUMMARY.values())]
    directions = "; ".join(filter(None, ("All systems on the test pairs", *map(lower_is_better, ("criteria", "evidence")))))
    return latex_table(f"{directions}. {DAGGER} criteria derived from spans.", "summary", "l" + "r" * len(SUMMARY), heads, rows)


def comparisons_latex(report: Report) -> str:
    """Paired differences with their intervals and p values."""
    rows = [
        (
            f"{each.metric} {each.with_baseline}",
            [
                latex_text(TITLES[each.metric]),
                f"{latex_text(each.first)} $-$ {latex_text(each.second)}{DAGGER if each.same_answers else ''}",
                _with_interval(each.difference),
                _p_value(each.p_value),
                _p_value(each.p_holm),
                _if_any(each.detectable, "{:.3f}"),
            ],
        )
        for each in report.comparisons
    ]
    heads = ["Metric", "Systems", "Difference", "$p$", r"$p_\mathrm{Holm}$", "Detectable"]
    note = (
        r"Paired permutation tests. Holm's correction is over the comparisons of agents with baselines in one metric, and over those of "
        r"agents with each other. Detectable: the smallest true difference that such a test finds with a power of 80\,\%."
        + (rf" {DAGGER} the same answers on every pair." if any(each.same_answers for each in report.comparisons) else "")
    )
    return latex_table(note, "comparisons", "lllrrr", heads, rows)


def final_models_latex(report: Report) -> str:
    """The final models of all seeds on test, with their mean and deviation; see `AgentSpread`."""
    seeds = list(dict.fromkeys(seed for each in report.final_models for seed in each.seeds))
    rows = []
    for each in report.final_models:
        by_seed = {seed: f"{value:.3f}" for seed, value in zip(each.seeds, each.values, strict=True)}
        deviation = _if_any(each.standard_deviation, "{:.3f}")
        cells = [latex_text(each.agent), latex_text(TITLES[each.metric]), _with_interval(each.mean), deviation]
        rows.append((each.agent, [*cells, *(by_seed.get(seed, "") for seed in seeds)]))
    heads = ["Agent", "Metric", "Mean", "SD", *(f"Seed {seed}" for seed in seeds)]
    note = (
        "Final models on test, which differ in the seed of their training; the first seed's was named beforehand as the model that the "
        r"other tables show. Means with 95\,\% intervals over seeds and posts; SD: of the sample ($n - 1$)."
    )
    return latex_table(note, "final-models", "ll" + "r" * (2 + len(seeds)), heads, rows)


def gains_latex(report: Report) -> str:
    """Effects of calibration and of thresholds by criterion on test. The report's CSV files hold F1 of single criteria."""
    rows = [
        (
            each.choice,
            [
                latex_text(each.agent),
                latex_text(TITLES[each.metric]),
                _three_decimals(each.without),
                _three_decimals(each.chosen),
                _with_interval(each.difference),
            ],
        )
        for each in report.gains
        if each.criterion is None
    ]
    heads = ["Agent", "Metric", "Without", "With", "Difference"]
    note = (
        "Choices made on held-out pairs, on test: the calibration of the probabilities, and thresholds by criterion in place of one "
        f"for all; {lower_is_better('criteria')}."
    )
    return latex_table(note, "gains", "llrrl", heads, rows)


def ensembles_latex(report: Report) -> str:
    """Gains of each ensemble over its single winner, and its costs in multiples of the winner's."""
    rows = [
        (
            each.agent,
            [
                latex_text(each.agent),
                ENSEMBLES[each.kind],
                str(each.cost.members),
                latex_text(TITLES[gain.metric]),
                _with_interval(gain.difference),
                _p_value(gain.p_value),
                _if_any(gain.detectable, "{:.3f}"),
                *(_multiple(getattr(each.cost, name), getattr(each.single_cost, name)) for name in ("train_seconds", "test_seconds")),
            ],
        )
        for each in report.ensembles
        for gain in each.gain
    ]
    heads = ["Agent", "Of", "Members", "Metric", "Difference", "$p$", "Detectable", "Training", "Prediction"]
    note = (
        r"Ensembles minus the single winner on test. Detectable: the smallest true difference that such a test finds with a power of "
        r"80\,\%. Training and prediction in multiples of the winner's seconds."
    )
    return latex_table(note, "ensembles", "llrllrrrr", heads, rows)


def backbones_latex(report: Report) -> str:
    """The encoders of each search that had several, with weights in millions; see `BackboneResult`."""
    rows = [
        (
            each.agent,
            [
                latex_text(each.agent),
                latex_text(each.encoder),
                f"{each.trials:,}",
                *(_if_any(value, "{:.3f}") for value in (each.best, each.median)),
                *(_if_any(weights, "{:,.1f}", unit=1e6) for weights in (each.parameters, each.trained_parameters)),
                _if_any(each.ms_per_post, "{:,.1f}"),
            ],
        )
        for each in report.backbones
    ]
    heads = ["Agent", "Encoder", "Trials", "Best", "Median", "Parameters", "Trained", "ms/post"]
    note = (
        "Encoders of each search, on validation. Best: the highest value of one trial, which is too high on average, the more so the more "
        "trials there are; median: of the complete trials. Parameters, in millions, and milliseconds to predict all criteria of a post "
        "are those of the best trial, on one machine, that of the search, beside its other trials."
    )
    return latex_table(note, "backbones", "llrrrrrr", heads, rows)


def _if_any(value: float | None, form: str, unit: float = 1.0) -> str:
    return "--" if value is None else form.format(value / unit)


def _multiple(cost: float, single: float) -> str:
    return rf"$\times${cost / single:.1f}" if single else "--"


def _selected(report: Report, systems: Sequence[str] | None) -> list[Evaluation]:
    with_criteria = {each.name: each for each in agents_then_baselines(report) if each.criterion is not None}
    if systems is None:
        baselines = [each for each in with_criteria.values() if each.kind == "baseline"]
        best = sorted(baselines, key=lambda each: each.objectives.get(OBJECTIVES["criteria"], 0.0))[-1:]
        return [*(each for each in with_criteria.values() if each.kind == "agent"), *best]
    return [with_criteria[name] for name in systems]


def _chosen_baseline(evaluations: Sequence[Evaluation], systems: Sequence[str] | None) -> str:
    """What chose the baseline that is shown; empty where none is or the caller named it."""
    chosen = systems is None and any(each.kind == "baseline" for each in evaluations)
    return r" The baseline is the one of the highest macro-F1 on test." if chosen else ""


def _by_class(evaluations: Sequence[Evaluation]) -> dict[tuple[str, str], list[ClassScores | None]]:
    """Scores of every system by part and name of the class, in the order of the classes; means last."""
    tables = [{(part, name): scores for part, name, scores in class_rows(each)} for each in evaluations]
    keys = list(dict.fromkeys(key for table in tables for key in table))
    return {key: [table.get(key) for table in tables] for key in keys}


def _support(scores: Iterable[ClassScores | None]) -> str:
    return f"{next(each.support for each in scores if each is not None):,}"


def _class_name(key: tuple[str, str]) -> str:
    part, name = key
    return {"macro": "Macro", "micro": "Micro", "no_symptoms": latex_text(NO_SYMPTOMS)}.get(part, latex_text(name))


def _system_name(evaluation: Evaluation) -> str:
    derived = evaluation.criterion is not None and evaluation.criterion.derived
    return latex_text(evaluation.name) + (DAGGER if derived else "")


def _two_decimals(estimate: Estimate | None) -> str:
    return "--" if estimate is None else f"{estimate.value:.2f}"


def _three_decimals(estimate: Estimate) -> str:
    return f"{estimate.value:.3f}"


def _bold(cell: str, best: str) -> str:
    return rf"\textbf{{{cell}}}" if cell == best and float(cell) > 0 else cell


def _f1_with_interval(scores: ClassScores | None) -> str:
    if scores is None:
        return ""
    return _with_interval(scores.f1) if scores.support else "--"


def _with_interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"${estimate.value:z.3f}$"
    return f"${estimate.value:z.3f}_{{[{estimate.low:z.3f},\\,{estimate.high:z.3f}]}}$"


def _p_value(p: float) -> str:
    return f"${p_text(p)}$"
