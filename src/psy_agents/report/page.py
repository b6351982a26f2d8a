"""The report as one HTML page that needs nothing else: no server, no network. It reads without its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from psy_agents.evaluation.results import ClassScores, Estimate, Evaluation, Report
from psy_agents.html_page import Cell, html_document, html_figure, html_table
from psy_agents.report.figures import ORIGINS
from psy_agents.report.tables import (
    CLASS_METRICS,
    CRITERION_METRICS,
    EVIDENCE_METRICS,
    classes,
    errors_table,
    estimate_text,
    evidence_table,
    ordered,
    p_text,
    stages_table,
    summary_figures,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HEADS = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "macro_auprc": "macro-AUPRC",
    "exact_match": "Exact match",
    "ece": "ECE",
    "brier": "Brier",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "auprc": "AUPRC",
    "token_f1": "token-F1",
    "sentence_f1": "sentence-F1",
    "character_iou": "Character IoU",
    "evidence_exact_match": "Exact match",
    "has_answer_f1": "Has-answer F1",
    "no_answer_accuracy": "No-answer accuracy",
}
GROUP_HEADS = {
    "criterion": "by criterion",
    "length": "by length of the post",
    "origin": "by origin; a hard negative has status 0: an annotator marked a sentence as not meeting the criterion",
}
CAPTIONS = {
    "comparison": "Points are figures, lines their intervals; the numbers are in the tables.",
    "criteria": "Points are figures, lines their intervals; grey: baselines. The numbers are in the table.",
    "reliability": "Share of positive pairs by the probability given, and how many pairs were given it; grey: before calibration.",
    "errors": "False positives among the negative pairs, false negatives among the positive ones.",
}
ENSEMBLES = {"seeds": "of its seeds", "top_k": "of the best candidates"}
GAIN_HEADS = {"calibration": "calibration", "thresholds": "thresholds by criterion"}
ROWS_OPEN = 12

STYLE = """
body { max-width: 72rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0; margin: 1rem 0 0; font-size: .92rem; }
a { color: inherit; }
h3 { font-size: 1.02rem; margin: 1.5rem 0 .25rem; }
.headline + .headline { margin-top: -.5rem; }
.notes + .notes, .alarms + .notes { margin-top: 1rem; }
.alarms { background: var(--alarm); border-left: 6px solid var(--alarm-line); padding: .75rem 1rem; }
.alarms h2 { margin: 0; padding: 0; border: 0; font-size: 1.15rem; }
.alarms ul { margin: .25rem 0 0; padding-left: 1.2rem; }
:root { --alarm: #fde6df; --alarm-line: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --alarm: #43200f; } }
details { margin: .75rem 0; }
summary { cursor: pointer; padding: .25rem 0; overflow-wrap: anywhere; }
.number { white-space: normal; }
th:first-child { position: sticky; left: 0; background: var(--page); padding-left: 2px; min-width: 9.25rem; max-width: 12rem; }
@media (min-width: 40rem) { th[scope=row] { min-width: 11rem; } }
.scroll:focus-visible, summary:focus-visible, a:focus-visible { outline: 2px solid var(--note-line); outline-offset: 2px; }
.wide > figure { min-width: 44rem; }
"""

# A figure in a closed part was drawn without a width, so that it is measured again when the part opens.
SCRIPT = """
for (const part of document.querySelectorAll("details")) {
  part.addEventListener("toggle", () => part.querySelectorAll(".js-plotly-plot").forEach(plot => Plotly.Plots.resize(plot)));
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => { part.open = true; }));
"""


def report_page(
    report: Report, figures: Mapping[str, Figure], search_figures: Mapping[str, Sequence[tuple[str, Figure]]]
) -> str:
    """The page.

    Args:
        figures: by the names that `report_figures` gives; one that is not there is left out.
        search_figures: titles and figures of an agent's search, by agent.
    """
    sections = {
        "summary": ("Summary", _summary(report, figures)),
        "criteria": ("Criteria", _criteria(report, figures)),
        "evidence": ("Evidence", _evidence(report)),
        "comparisons": ("Comparisons", _comparisons(report)),
        "seeds": ("Seeds", _seeds(report)),
        "choices": ("Calibration and thresholds", _choices(report)),
        "ensembles": ("Ensembles", _ensembles(report)),
        "reliability": ("Reliability", _drawn(report, figures, "reliability")),
        "errors": ("Errors", _errors(report, figures)),
        "search": ("Search", _search(search_figures)),
        "costs": ("Costs", _costs(report)),
        "reading": ("How to read this", _reading(report)),
    }
    links = "".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, (title, _) in sections.items())
    body = [
        "<header>",
        "<h1>Report</h1>",
        *(f'<p class="headline">{escape(sentence)}</p>' for sentence in headline(report)),
        _alarms(report),
        _notes(report),
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>',
        "</header>",
        "<main>",
        *(
            "\n".join([f'<section aria-labelledby="{name}">', f'<h2 id="{name}">{escape(title)}</h2>', *content, "</section>"])
            for name, (title, content) in sections.items()
        ),
        "</main>",
    ]
    return html_document("Report", body, STYLE, SCRIPT)


def headline(report: Report) -> list[str]:
    """The best agent of each side, beside the best baseline, in a sentence each."""
    sentences = []
    for metric, side in (("macro_f1", "criteria"), ("token_f1", "evidence")):
        agent, baseline = (_best(report, kind, metric) for kind in ("agent", "baseline"))
        if agent is None:
            sentences.append(f"No agent that predicts {side} was evaluated.")
            continue
        against = "" if baseline is None else f"; the best baseline, {baseline[0]}, {_text(baseline[1])}"
        sentences.append(f"Best {HEADS[metric]}: the agent {agent[0]}, {_text(agent[1])}{against}.")
    return sentences


def alarms(report: Report) -> list[str]:
    """A sentence for each model that is no better than a baseline."""
    return [
        f"{alarm.agent} is no better than {alarm.baseline} in {HEADS[alarm.metric]}: "
        f"{estimate_text(alarm.value)} against {estimate_text(alarm.baseline_value)}."
        for alarm in report.alarms
    ]


def notes(report: Report) -> list[str]:
    """What a reader should know before the figures are used."""
    found = [f"{agent} has no refit on these data: it is not in this report." for agent in report.missing]
    for evaluation in ordered(report):
        if evaluation.kind == "agent" and evaluation.criterion is not None and evaluation.criterion.derived:
            found.append(f"{evaluation.name} predicts spans alone: a criterion with a predicted span counts as met.")
    unknown = {evaluation.evidence.pairs_unknown for evaluation in report.evaluations if evaluation.evidence is not None}
    if any(unknown):
        found.append(
            f"{max(unknown):,} pairs are left out of every evidence figure: their evidence is annotated, but its place is not known."
        )
    return found


def _best(report: Report, kind: str, metric: str) -> tuple[str, Estimate] | None:
    figures = {each.name: summary_figures(each) for each in report.evaluations if each.kind == kind}
    having = [(name, each[metric]) for name, each in figures.items() if metric in each]
    return max(having, key=lambda pair: pair[1].value, default=None)


def _alarms(report: Report) -> str:
    told = alarms(report)
    if told:
        return _box("alarms", f"{'Alarm' if len(told) == 1 else 'Alarms'}: no better than a baseline", told)
    if not any(each.kind == "agent" for each in report.evaluations):
        return ""
    return '<p class="soft">No alarm: every agent is above the baselines in macro-F1 and in token-F1.</p>'


def _notes(report: Report) -> str:
    told = notes(report)
    return _box("notes", "To know first", told) if told else ""


def _box(name: str, title: str, sentences: Iterable[str]) -> str:
    items = "\n".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<section class="{name}" aria-labelledby="{name}">\n<h2 id="{name}">{title}</h2>\n<ul>\n{items}\n</ul>\n</section>'


def _summary(report: Report, figures: Mapping[str, Figure]) -> list[str]:
    systems = ordered(report)
    seeds = {scores.agent: f"{estimate_text(scores.mean)} ± {estimate_text(scores.standard_deviation)}" for scores in report.seeds}
    with_criteria = [each for each in systems if each.criterion is not None]
    with_evidence = [each for each in systems if each.evidence is not None]
    over_seeds = any(each.kind == "agent" and each.name in seeds for each in systems)
    return [
        f"<p>{report.posts:,} posts and {report.pairs:,} pairs of post and criterion, of the test split.</p>",
        *_figure(figures, "comparison"),
        html_table(
            "Criteria: agents, then baselines. For ECE and Brier less is better",
            ["System", *(HEADS[metric] for metric in CRITERION_METRICS)],
            [_summary_row(each, CRITERION_METRICS) for each in with_criteria],
        ),
        html_table(
            "Evidence: agents, then baselines",
            ["System", *(HEADS[metric] for metric in EVIDENCE_METRICS)],
            [_summary_row(each, EVIDENCE_METRICS) for each in with_evidence],
        ),
        *(
            [
                html_table(
                    "Objective on validation over the fixed seeds: mean ± standard deviation",
                    ["Agent", "Objective"],
                    [[each.name, seeds.get(each.name)] for each in systems if each.kind == "agent"],
                )
            ]
            if over_seeds
            else []
        ),
    ]


def _summary_row(evaluation: Evaluation, metrics: Iterable[str]) -> list[Cell]:
    figures = summary_figures(evaluation)
    return [evaluation.name, *(_cell(figures.get(metric)) for metric in metrics)]


def _criteria(report: Report, figures: Mapping[str, Figure]) -> list[str]:
    shown = [each for each in ordered(report) if each.criterion is not None]
    if not shown:
        return ['<p class="soft">No model or baseline predicts criteria.</p>']
    tables = [list(classes(each)) for each in shown]
    f1 = [
        [name, scores.support, *(_score(table[row][2], "f1") for table in tables)]
        for row, (_, name, scores) in enumerate(tables[0])
    ]
    return [
        *_figure(figures, "criteria"),
        html_table("F1 of each criterion", ["Criterion", "Support", *(each.name for each in shown)], f1),
        *(
            _details(
                f"{each.name}: precision, recall, F1 and AUPRC",
                html_table(
                    f"{each.name} by criterion",
                    ["Criterion", "Support", "Predicted", *(HEADS[metric] for metric in CLASS_METRICS)],
                    [
                        [name, scores.support, scores.predicted, *(_score(scores, metric) for metric in CLASS_METRICS)]
                        for _, name, scores in table
                    ],
                ),
            )
            for each, table in zip(shown, tables, strict=True)
        ),
    ]


def _score(scores: ClassScores, metric: str) -> str:
    """A class's figure; a dash where no pair has it, so that there was nothing to find."""
    return _cell(getattr(scores, metric)) if scores.support else "–"


def _evidence(report: Report) -> list[str]:
    table = evidence_table(report)
    if table.empty:
        return ['<p class="soft">No model or baseline predicts evidence.</p>']
    systems = list(table["system"].unique())
    pooled, single = table[table["criterion"].isna()], table[table["criterion"].notna()]
    parts = [
        html_table(
            "Every evidence metric over all pairs",
            ["Metric", *systems],
            _pivoted(pooled, "metric", "system", systems, _metric),
        )
    ]
    for metric in single["metric"].unique():
        content = html_table(
            f"{_metric(metric)} of each criterion with evidence, without intervals",
            ["Criterion", *systems],
            _pivoted(single[single["metric"] == metric], "criterion", "system", systems),
        )
        parts.append(_details(f"{_metric(metric)} by criterion", content, opened=metric == "token_f1"))
    counted = next(each.evidence for each in report.evaluations if each.evidence is not None)
    return [
        f"<p>{counted.pairs:,} pairs are scored, {counted.pairs_with_evidence:,} of them with evidence.</p>",
        *parts,
    ]


def _pivoted(
    table: pd.DataFrame, rows: str, columns: str, order: Sequence[str], shown: Callable[[str], str] = str
) -> list[list[Cell]]:
    """Rows of a page's table from one row a figure, named as ``shown`` has it."""
    found = {
        (each[rows], each[columns]): _nowrap(estimate_text(each["value"], each["low"], each["high"]))
        for each in table.to_dict("records")
    }
    names = list(table[rows].unique())
    return [[shown(name), *(found.get((name, column)) for column in order)] for name in names]


def _comparisons(report: Report) -> list[str]:
    if not report.comparisons:
        return ['<p class="soft">There are no two systems to compare.</p>']
    parts = []
    for metric in dict.fromkeys(each.metric for each in report.comparisons):
        chosen = [each for each in report.comparisons if each.metric == metric]
        rows = [
            [f"{each.first} − {each.second}", _cell(each.difference), p_text(each.p_value), p_text(each.p_holm)] for each in chosen
        ]
        caption = f"{HEADS[metric]}: first minus second; paired permutation test by post, {chosen[0].permutations:,} permutations"
        table = html_table(caption, ["Systems", "Difference", "p", "p (Holm)"], rows)
        parts.append(_details(f"{HEADS[metric]}: {len(rows)} comparisons", table, opened=len(rows) <= ROWS_OPEN))
    return parts


def _seeds(report: Report) -> list[str]:
    if not report.seeds:
        return ['<p class="soft">No seeds were recorded.</p>']
    runs = max(len(scores.values) for scores in report.seeds)
    rows: list[list[Cell]] = [
        [
            scores.agent,
            estimate_text(scores.mean),
            estimate_text(scores.standard_deviation),
            *map(estimate_text, scores.values),
            *[None] * (runs - len(scores.values)),
        ]
        for scores in report.seeds
    ]
    return [
        html_table(
            "The winner's objective on validation, trained again with each seed; the deviation is the sample's (n − 1)",
            ["Agent", "Mean", "Deviation", *(f"Seed {run}" for run in range(1, runs + 1))],
            rows,
        )
    ]


def _choices(report: Report) -> list[str]:
    if not report.decisions:
        return ['<p class="soft">No agent gives probabilities, so there was nothing to choose.</p>']
    rows: list[list[Cell]] = [
        [
            f"{each.agent}, {GAIN_HEADS[each.choice]}",
            HEADS[each.metric] if each.criterion is None else f"{HEADS[each.metric]} of {each.criterion}",
            *(_cell(figure) for figure in (each.without, each.chosen, each.difference)),
        ]
        for each in report.gains
    ]
    gained = html_table(
        "On test: each figure without the choice, with it, and the difference; for ECE and Brier less is better",
        ["Agent and choice", "Metric", "Without", "With", "Difference"],
        rows,
    )
    nothing = '<p class="soft">No agent has a temperature or thresholds by criterion of its own.</p>'
    return [
        "<p>Chosen on validation and kept in the model: a temperature that divides the log odds of all probabilities of an agent (and a "
        "shift that is added to them, 0 unless it was asked for), "
        "one threshold for all criteria, and one of its own for each criterion with enough positive pairs. An interval that holds "
        "0 says that the choice may have bought nothing.</p>",
        gained if rows else nothing,
        *(
            _details(
                f"{each.agent}: temperature {estimate_text(each.temperature)}, shift {estimate_text(each.shift)}, "
                f"pooled threshold {estimate_text(each.threshold)}",
                html_table(
                    f"Thresholds of {each.agent}",
                    ["Criterion", "Positive on validation", "Threshold", "Whose"],
                    [
                        [name, chosen.validation_positives, estimate_text(chosen.threshold), "its own" if chosen.own else "pooled"]
                        for name, chosen in each.criteria.items()
                    ],
                ),
            )
            for each in report.decisions
        ),
    ]


def _ensembles(report: Report) -> list[str]:
    if not report.ensembles:
        return ['<p class="soft">Every model is a single agent: no ensemble was asked for.</p>']
    gains: list[list[Cell]] = [
        [f"{each.agent}, {ENSEMBLES[each.kind]}", HEADS[gain.metric], _cell(gain.difference), p_text(gain.p_value)]
        for each in report.ensembles
        for gain in each.gain
    ]
    costs: list[list[Cell]] = [
        [
            f"{each.agent}, {name}",
            cost.members,
            f"{cost.train_seconds:,.1f}",
            f"{cost.test_seconds:,.2f}",
            cost.parameters,
            f"{cost.disk_bytes / 1e6:,.1f}",
        ]
        for each in report.ensembles
        for name, cost in (("ensemble", each.cost), ("single winner", each.single_cost))
    ]
    return [
        html_table(
            "Ensemble minus the single winner, on the same test pairs; paired permutation test by post",
            ["Ensemble", "Metric", "Difference", "p"],
            gains,
        ),
        html_table(
            "What they cost: training of all members, one after another, and prediction of the test split, in seconds",
            ["Model", "Members", "Training", "Prediction", "Parameters", "Megabytes"],
            costs,
        ),
    ]


def _drawn(report: Report, figures: Mapping[str, Figure], name: str) -> list[str]:
    agents = [each for each in report.evaluations if each.kind == "agent"]
    drawn = [part for each in agents for part in _figure(figures, f"{name}_{each.name}")]
    explained = (
        "<p>Of the pairs that were given about the same probability, the share that is positive; on the dashed line they are "
        "equal. Points from few pairs, as the lower bars tell, say little.</p>"
    )
    return [explained, *drawn, *map(_bins, agents)] if agents else ['<p class="soft">There is no agent to show.</p>']


def _bins(evaluation: Evaluation) -> str:
    if evaluation.criterion is None or not evaluation.criterion.reliability:
        return ""
    sides = {"": evaluation.criterion.reliability, ", before calibration": evaluation.criterion.reliability_uncalibrated}
    tables = [
        html_table(
            f"Bins of {evaluation.name}{when}",
            ["Probability", "Pairs", "Mean probability", "Share positive"],
            [
                [f"{each.low:.2f} to {each.high:.2f}", each.pairs, estimate_text(each.mean_probability), estimate_text(each.share_positive)]
                for each in bins
            ],
        )
        for when, bins in sides.items()
        if bins
    ]
    return _details(f"{evaluation.name}: the bins as a table", "\n".join(tables))


def _errors(report: Report, figures: Mapping[str, Figure]) -> list[str]:
    table = errors_table(report)
    parts = []
    for name in (each.name for each in report.evaluations if each.kind == "agent"):
        chosen = table[(table["system"] == name) & (table["kind"] == "agent")]
        groups = [
            _errors_of_group(f"{name}, {head}", chosen[chosen["group"] == group])
            for group, head in GROUP_HEADS.items()
            if (chosen["group"] == group).any()
        ]
        content = "\n".join([*_figure(figures, f"errors_{name}"), *groups])
        parts.append(_details(f"{name}: errors by criterion, length and origin", content, opened=not parts))
    return parts or ['<p class="soft">There is no agent to show.</p>']


def _errors_of_group(caption: str, table: pd.DataFrame) -> str:
    spans = ["token-F1"] if table["token_f1"].notna().any() else []
    rows: list[list[Cell]] = [
        [
            ORIGINS.get(each["name"], each["name"]) if each["group"] == "origin" else each["name"],
            *(int(each[count]) for count in ("pairs", "positives", "false_positives")),
            _percent(each["false_positive_rate"]),
            int(each["false_negatives"]),
            _percent(each["false_negative_rate"]),
            *(None if pd.isna(each["token_f1"]) else estimate_text(each["token_f1"]) for _ in spans),
        ]
        for each in table.to_dict("records")
    ]
    heads = ["Part", "Pairs", "Positive", "False positives", "of negatives", "False negatives", "of positives"]
    return html_table(caption, [*heads, *spans], rows)


def _search(search_figures: Mapping[str, Sequence[tuple[str, Figure]]]) -> list[str]:
    parts = []
    for number, (agent, drawn) in enumerate(search_figures.items(), start=1):
        content = [
            f'<h3>{escape(title)}</h3>\n<div class="scroll wide" tabindex="0" role="region" aria-label="{escape(f"{agent}: {title}")}">'
            f"{html_figure(figure, f'search-{number}-{place}')}</div>"
            for place, (title, figure) in enumerate(drawn, start=1)
        ]
        parts.append(_details(f"{agent}: {len(content)} figures of its search", "\n".join(content)))
    return parts or ['<p class="soft">No figures of a search were given.</p>']


def _costs(report: Report) -> list[str]:
    if not report.stages:
        return ['<p class="soft">No stage was recorded.</p>']
    table = stages_table(report)
    states = list(table.columns[4 : table.columns.get_loc("best")])
    rows: list[list[Cell]] = [
        [
            f"{each['agent']}, {each['stage']}",
            int(each["trials"]),
            *(int(each[state]) for state in states),
            None if pd.isna(each["best"]) else estimate_text(each["best"]),
            f"{each['training_hours']:,.1f}",
            int(each["epochs"]),
            each["failures"] or "–",
            each["study"],
        ]
        for each in table.to_dict("records")
    ]
    hours = sum(stage.training_hours for stage in report.stages)
    return [
        f"<p>{sum(stage.trials for stage in report.stages):,} trials and {hours:,.1f} hours of training in all.</p>",
        html_table(
            "What each stage took; best: the objective on validation, and of the final model on test",
            ["Stage", "Trials", *map(_words, states), "Best", "Hours", "Epochs", "Failures", "Study"],
            rows,
        ),
    ]


def _reading(report: Report) -> list[str]:
    return [
        "<p><strong>These models are instruments of research. They are not a diagnostic device:</strong> nothing here says whether "
        "a person has a disorder, and a criterion that a model did not find, a thought of suicide above all, can be there.</p>",
        f"<p>Intervals are 95&nbsp;% percentile intervals of a bootstrap over posts ({report.resamples:,} resamples): all pairs of a "
        "post are drawn together. They tell how much other test posts would change a figure, not how much another training would: "
        "for that see Seeds. Rare criteria have wide intervals, and differences between systems on them mean little.</p>",
        "<p>p is how often exchanging the two systems' predictions post by post gives so great a difference by chance alone; "
        "Holm's correction is over the comparisons of one metric. An empty cell is a figure that the system does not have.</p>",
        f'<p class="soft">Data: {escape(report.data_hash)}</p>',
    ]


def _figure(figures: Mapping[str, Figure], name: str) -> list[str]:
    caption = CAPTIONS[name.split("_")[0]]
    return [html_figure(figures[name], f"figure-{name}", caption)] if name in figures else []


def _details(summary: str, content: str, *, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}>\n<summary>{escape(summary)}</summary>\n{content}\n</details>"


def _text(figure: Estimate) -> str:
    return estimate_text(figure.value, figure.low, figure.high)


def _cell(figure: Estimate | None) -> str | None:
    return None if figure is None else _nowrap(_text(figure))


def _nowrap(text: str) -> str:
    """An interval may stand under its figure, but is not torn apart."""
    return text.replace(", ", ",\u00a0")


def _percent(share: float) -> str | None:
    return None if pd.isna(share) else f"{100 * share:.1f}\u00a0%"


def _metric(name: str) -> str:
    return HEADS.get(name, _words(name).replace(" f1", "-F1"))


def _words(name: str) -> str:
    return name.replace("_", " ")
