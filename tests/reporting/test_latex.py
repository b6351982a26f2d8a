"""LaTeX tables: whole rows, balanced braces, the best in bold, and names of any form to the letter."""

import re
import shutil
import subprocess

import pytest

from psy_agents.reporting.latex import (
    backbones_latex,
    classes_latex,
    comparisons_latex,
    criteria_latex,
    ensembles_latex,
    final_models_latex,
    gains_latex,
    intervals_latex,
    latex_tables,
    summary_latex,
)
from psy_agents.reporting.latex_table import latex_text

NASTY = ["A_B & 50% $x$ #1", "{~^}\\", "[x]", "*", "<b>|\"`", "two\nlines"]


def body(table):
    """Rows of cells between the rules."""
    return [line.removesuffix(r" \\").split(" & ") for line in table.splitlines() if line.endswith(r"\\")]


def width(row):
    spans = [re.match(r"\\multicolumn\{(\d+)\}", cell) for cell in row]
    return sum(int(span[1]) if span else 1 for span in spans)


def columns(table):
    return len(re.search(r"\\begin\{tabular\}\{([lr]+)\}", table)[1])


def without_escapes(text):
    return re.sub(r"\\[\\&%$#_{}]", "", text)


def with_nasty_names(report):
    evaluations = []
    for each in report.evaluations:
        if each.criterion is not None:
            scores = dict(zip(NASTY, each.criterion.per_criterion.values(), strict=False))
            each = each.model_copy(update={"criterion": each.criterion.model_copy(update={"per_criterion": scores})})
        evaluations.append(each)
    backbones = [each.model_copy(update={"encoder": name}) for name, each in zip(NASTY, report.backbones * len(NASTY), strict=False)]
    return report.model_copy(update={"evaluations": tuple(evaluations), "backbones": tuple(backbones)})


TABLES = [
    criteria_latex, intervals_latex, classes_latex, summary_latex, comparisons_latex, final_models_latex, gains_latex, ensembles_latex,
    backbones_latex,
]  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_as_wide_as_the_table(report, table):
    text = table(report)
    rows = body(text)
    assert {width(row) for row in rows} == {columns(text)}
    left = without_escapes(text)
    assert left.count("{") == left.count("}")
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1]


def test_rows_are_criteria_with_support_then_no_symptoms_macro_and_micro(report):
    rows = body(criteria_latex(report))
    assert [row[0] for row in rows[2:]][-4:] == [r"SUICIDAL\_THOUGHTS", r"NO\_SYMPTOMS", "Macro", "Micro"]
    assert rows[2][:2] == [r"DEPRESSED\_MOOD", "58"]
    assert rows[0][2:] == [
        rf"\multicolumn{{3}}{{c}}{{{name}}}" for name in ("criteria", r"evidence$^\dagger$", "share", "joint", r"tfidf\_logistic")
    ]


def test_classes_and_averages_are_those_of_redsm5s_authors(report):
    text = classes_latex(report, ["criteria", "share"])
    rows = body(text)[2:]
    assert [row[0] for row in rows][-5:] == [r"NO\_SYMPTOMS", "micro avg", "macro avg", "weighted avg", "samples avg"]
    assert len(rows) == 14 and rows[-1][1] == f"{sum(each.support for each in list_of_classes(report)):,}"
    weighted = next(each.criterion for each in report.evaluations if each.name == "share").averages["weighted"]
    assert rows[-2][5:] == [f"{value:.2f}" for value in (weighted.precision, weighted.recall, weighted.f1)]
    assert "Not comparable unless the test posts are theirs: the values" in text


def list_of_classes(report):
    side = next(each.criterion for each in report.evaluations if each.name == "share")
    return [*side.per_criterion.values(), side.no_symptoms]


def test_the_best_f1_of_a_row_is_bold_and_ties_are_too(report):
    shown = ["criteria", "share", "criteria"]
    evaluations = {each.name: each.criterion for each in report.evaluations}
    for row in body(criteria_latex(report, shown))[2:-3]:
        name = row[0].replace(r"\_", "_")
        f1 = [f"{evaluations[system].per_criterion[name].f1.value:.2f}" for system in shown]
        assert row[4::3] == [rf"\textbf{{{value}}}" if value == max(f1) else value for value in f1]
    assert r"\textbf" not in criteria_latex(report, ["majority"]).split(r"\midrule", 1)[1]


def test_intervals_and_p_values_are_the_reports(report):
    share = next(each.criterion for each in report.evaluations if each.name == "share")
    f1 = share.per_criterion["FATIGUE"].f1
    assert f"{f1.value:.3f}_{{[{f1.low:.3f},\\,{f1.high:.3f}]}}" in intervals_latex(report)
    assert "of the macro mean from Clopper and Pearson's intervals" in intervals_latex(report)
    assert "$<0.001$" in comparisons_latex(report)
    assert len(body(comparisons_latex(report))) == 1 + len(report.comparisons)


def test_text_is_escaped():
    assert [latex_text(name) for name in NASTY] == [
        r"A\_B \& 50\% \$x\$ \#1",
        r"\{\textasciitilde{}\textasciicircum{}\}\textbackslash{}",
        "{[}x{]}",
        "{*}",
        r"\textless{}b\textgreater{}\textbar{}\symbol{34}\textasciigrave{}",
        "two lines",
    ]


def test_names_of_any_form_leave_the_tables_whole(report):
    text = criteria_latex(with_nasty_names(report))
    assert {width(re.split(r"(?<!\\) & ", line)) for line in text.splitlines() if line.endswith(r" \\")} == {columns(text)}


@pytest.mark.skipif(
    shutil.which("pdflatex") is None or not shutil.which("kpsewhich") or not subprocess.run(
        ["kpsewhich", "booktabs.sty"], capture_output=True
    ).stdout,
    reason="LaTeX with booktabs is not installed",
)  # fmt: skip
def test_latex_sets_the_tables(report, tmp_path):
    tables = latex_tables(with_nasty_names(report))
    lines = [r"\documentclass{article}", r"\usepackage{booktabs}", r"\begin{document}", tables, r"\end{document}"]
    (tmp_path / "tables.tex").write_text("\n".join(lines))
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "tables.pdf").exists()


def test_a_table_without_a_row_is_left_out(report):
    whole = latex_tables(report)
    nothing = {"comparisons": [], "final_models": (), "gains": [], "ensembles": [], "backbones": ()}
    bare = latex_tables(report.model_copy(update=nothing))
    for name in ("comparisons", "final-models", "gains", "ensembles", "backbones"):
        label = rf"\label{{tab:psy-agents-{name}}}"
        assert label in whole and label not in bare
    assert r"\label{tab:psy-agents-summary}" in bare


def test_gains_and_ensembles_have_a_row_each_and_costs_are_multiples(report):
    gained = body(gains_latex(report))[1:]
    assert len(gained) == len([each for each in report.gains if each.criterion is None])
    assert {row[1] for row in gained} == {"ECE", "Brier", "macro-F1"}
    rows = body(ensembles_latex(report))[1:]
    assert [row[:4] for row in rows] == [
        ["share", "seeds", "5", "macro-F1"], ["share", "seeds", "5", "token-F1"], ["criteria", "best candidates", "5", "macro-F1"],
    ]  # fmt: skip
    assert rows[0][5:] == ["$0.080$", "--", r"$\times$5.0", r"$\times$5.0"]
    detectable = report.ensembles[0].gain[0].model_copy(update={"detectable": 0.07})
    powered = report.model_copy(update={"ensembles": [report.ensembles[0].model_copy(update={"gain": (detectable,)})]})
    assert body(ensembles_latex(powered))[1][6] == "0.070"


def test_the_final_models_of_all_seeds_stand_with_their_mean(report):
    text = final_models_latex(report)
    assert body(text)[0] == ["Agent", "Metric", "Mean", "SD", "Seed 11", "Seed 23", "Seed 47"]
    assert body(text)[1] == ["share", "macro-F1", r"$0.553_{[0.410,\,0.660]}$", "0.055", "0.500", "0.610", "0.550"]
    assert "the first seed's was named beforehand" in text


def test_the_caption_says_that_test_chose_the_baseline_that_is_shown(report):
    sentence = "The baseline is the one of the highest macro-F1 on test."
    for table in (criteria_latex, intervals_latex, classes_latex):
        assert sentence in table(report) and sentence not in table(report, ["share", "tfidf_logistic"])


def test_backbones_have_the_reports_figures_and_the_caption_says_of_which_machine(report):
    rows = body(backbones_latex(report))
    assert rows[0][-3:] == ["Parameters", "Trained", "ms/post"]
    for each, row in zip(report.backbones, rows[1:], strict=True):
        figures = [(each.best, "{:.3f}", 1), (each.median, "{:.3f}", 1), (each.parameters, "{:,.1f}", 1e6)]
        figures += [(each.trained_parameters, "{:,.1f}", 1e6), (each.ms_per_post, "{:,.1f}", 1)]
        shown = ["--" if value is None else form.format(value / unit) for value, form, unit in figures]
        assert row == [each.agent, latex_text(each.encoder), f"{each.trials:,}", *shown]
    assert "on one machine, that of the search" in backbones_latex(report)
    named = report.model_copy(update={"backbones": tuple(each.model_copy(update={"encoder": "a_b"}) for each in report.backbones)})
    assert {row[1] for row in body(backbones_latex(named))[1:]} == {r"a\_b"}
