"""The page shows the report's figures in tables, alarms first, whole in itself, and fits a phone."""

import re
from html.parser import HTMLParser

import plotly.graph_objects as go
import pytest
from support.browser import needs_browser

from psy_agents.corpus.quality_figures import AnnotatorFigures
from psy_agents.reporting.report_page.figures import report_figures
from psy_agents.reporting.report_page.page import alarms, headline, no_alarm, notes, origin, report_page
from psy_agents.reporting.tables import estimate_text, verdict


class Page(HTMLParser):
    """Tables by caption, each a list of rows of cells; ids, links, headings and text outside scripts."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.ids, self.links, self.headings, self.loaded, self.text = {}, [], [], [], [], ""
        self._where, self._cell, self._rows = [], None, []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self._where.append(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []
        self.loaded += [attrs[name] for name in ("src", "srcset", "data") if name in attrs] + ([tag] if tag == "link" else [])
        self.headings += [tag] if re.fullmatch("h[1-6]", tag) else []
        if tag == "figcaption":
            self._caption = ""
        if tag == "table":
            self._rows = []
            self.tables[self._caption] = self._rows
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._cell = ""
        if tag in ("meta", "wbr", "br"):
            self._where.pop()

    def handle_endtag(self, tag):
        assert self._where.pop() == tag
        if tag in ("td", "th"):
            self._rows[-1].append(self._cell.replace("\u00a0", " "))
            self._cell = None

    def handle_data(self, data):
        if not {"script", "style"} & set(self._where):
            self.text += data
        if self._cell is not None:
            self._cell += data
        if "figcaption" in self._where:
            self._caption += data


def render(report, search_figures=None):
    return report_page(report, report_figures(report), search_figures or {})


@pytest.fixture(scope="module")
def html(report):
    return render(report, {"share": [("Coarse search: history", go.Figure(go.Scatter(x=[1], y=[2])))]})


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def cells(table):
    """Cells by row and column names."""
    head, *rows = table
    return {(row[0], name): cell for row in rows for name, cell in zip(head[1:], row[1:], strict=True)}


def text(estimate):
    return estimate_text(estimate.value, estimate.low, estimate.high) if estimate is not None else ""


def table(page, start):
    (found,) = [rows for caption, rows in page.tables.items() if caption.startswith(start)]
    return cells(found)


def test_every_figure_of_a_criterion_is_in_a_table(report, page):
    f1 = table(page, "F1 of each criterion")
    shown = [each for each in report.evaluations if each.criterion is not None]
    for each in shown:
        side, own = each.criterion, table(page, f"{each.name} by criterion")
        for name, scores in {**side.per_criterion, "NO_SYMPTOMS": side.no_symptoms, "macro": side.macro, "micro": side.micro}.items():
            assert f1[name, each.name] == own[name, "F1"] == text(scores.f1)
            assert own[name, "Precision"] == text(scores.precision)
            assert own[name, "Recall"] == text(scores.recall)
            assert own[name, "AUPRC"] == text(scores.auprc)
            assert (own[name, "Support"], own[name, "Predicted"]) == (f"{scores.support:,}", f"{scores.predicted:,}")
    assert len(shown) == 7


def test_the_summary_has_a_row_for_each_system(report, page):
    criteria, evidence = table(page, "Criteria: agents"), table(page, "Evidence: agents")
    for each in report.evaluations:
        if (side := each.criterion) is not None:
            row = [criteria[each.name, name] for name in ("macro-F1", "micro-F1", "macro-AUPRC", "Exact match", "ECE", "Brier")]
            estimates = (side.macro.f1, side.micro.f1, side.macro.auprc, side.exact_match, side.ece, side.brier)
            assert row == [text(estimate) for estimate in estimates]
        if (spans := each.evidence) is not None:
            assert evidence[each.name, "token-F1"] == text(spans.scores["token_f1"])
            assert evidence[each.name, "Exact match"] == text(spans.scores["exact_match"])
            assert evidence[each.name, "No-answer accuracy"] == text(spans.scores["no_answer_accuracy"])


def test_searched_confirmed_and_test_values_are_in_one_table_that_says_what_chose_what(page):
    selection = table(page, "The objective each time it was scored")
    named = ("Best of the search", "Winner confirmed", "Chosen by the other seeds", "On test", "Search − test")
    assert [selection["share", name] for name in named] == ["0.640", "0.620", "0.590", "0.570", "0.070"]
    assert selection["joint", "Chosen by the other seeds"] == ""
    assert "both are too high on average" in page.text and "±" not in page.text


def test_evidence_comparisons_and_errors_are_the_reports(report, page):
    pooled, single = table(page, "Every evidence metric"), table(page, "token-F1 of each criterion")
    for each in report.evaluations:
        if each.evidence is not None:
            assert pooled["token precision", each.name] == text(each.evidence.scores["token_precision"])
            assert single["FATIGUE", "With evidence"] == f"{each.evidence.support['FATIGUE']}"
            assert single["FATIGUE", each.name] == f"{each.evidence.per_criterion['FATIGUE']['token_f1']:.3f}"
    names = {"macro_f1": "macro-F1", "token_f1": "token-F1"}
    for each in report.comparisons:
        tested = table(page, f"{names[each.metric]}, agents and {'baselines' if each.with_baseline else 'each other'}: first minus second")
        assert tested[f"{each.first} − {each.second}", "Difference"] == text(each.difference)
        p = tested[f"{each.first} − {each.second}", "p"]
        assert p == ("<0.001" if each.p_value < 0.001 else f"{each.p_value:.3f}")
        assert tested[f"{each.first} − {each.second}", "First is"] == verdict(each)
        assert tested[f"{each.first} − {each.second}", "Detectable"] == "0.070"
    share = next(each for each in report.evaluations if each.name == "share")
    hard = next(each for each in share.errors if each.name == "explicit_negative")
    errors = table(page, "share, by origin")
    assert errors["hard negatives", "False positives"] == str(hard.false_positives)
    assert errors["hard negatives", "of negatives"] == f"{100 * hard.false_positives / 61:.1f} %"
    assert errors["hard negatives", "of positives"] == ""


def test_the_headline_names_every_agent_and_what_is_shown_against_the_baselines(report):
    found = headline(report)
    named = {each.name: each for each in report.evaluations}
    assert len(found) == 6, "the decisions of the evidence agent are derived"
    closest = min((c for c in report.comparisons if c.first == "criteria" and c.with_baseline), key=lambda c: c.difference.value)
    assert closest.second == "tfidf_logistic"
    assert found[0] == (
        f"macro-F1 of criteria on test: {text(named['criteria'].criterion.macro.f1)}; better than every baseline, than tfidf_logistic by "
        f"{text(closest.difference)} (p {'<0.001' if closest.p_holm < 0.001 else f'= {closest.p_holm:.3f}'} after Holm's correction)."
    )
    joint = text(named["joint"].criterion.macro.f1)
    assert found[2] == f"macro-F1 of joint on test: {joint}; not shown to be better than all_positive and tfidf_logistic."
    assert not any("best agent" in sentence.lower() for sentence in found)
    without = report.model_copy(update={"evaluations": report.evaluations[:6]})
    assert headline(without) == ["No agent that predicts criteria was evaluated.", "No agent that predicts evidence was evaluated."]
    alone = report.model_copy(update={"comparisons": ()})
    assert headline(alone)[0].endswith("; no baseline was compared.")


def test_the_page_opens_with_its_origin_alarms_summary_and_one_figure_and_the_rest_is_folded(report, html):
    (sentence,) = alarms(report)
    first, second = report.alarms
    assert sentence == (
        f"joint is not shown to be better than all_positive (difference {text(first.difference)}, p = {first.p_holm:.3f}) and "
        f"tfidf_logistic (difference {text(second.difference)}, p = {second.p_holm:.3f}) in macro-F1; "
        f"each p is Holm-corrected."
    )
    body = html[html.index("<body>") :]
    assert "<title>Results on redsm5</title>" in html and "<h1>Results on redsm5</h1>" in body
    facts = origin(report)
    assert facts == [
        "2026-11-29 12:34 UTC", "commit 0123456789ab with uncommitted changes", "environment redsm5", "seeds 11, 23, 47, 83, 131",
        "223 posts and 2,007 pairs of post and criterion in the test split",
    ]  # fmt: skip
    order = [*facts, sentence, "<table>", 'id="figure-comparison"', 'id="notes"', "<details", 'id="words"', 'id="figure-criteria"']
    places = [body.index(each) for each in order]
    assert places == sorted(places)
    assert not re.search(r'<details class="part"[^>]* open', body)
    assert "Alarm: joint is not shown to be better than a baseline" in body
    many = tuple(each.model_copy(update={"agent": agent}) for each in report.alarms for agent in ("criteria", "share", "joint"))
    folded = render(report.model_copy(update={"alarms": many}))
    assert "Alarm: criteria, share and joint are not shown" in folded and "<summary>3 comparisons with differences and p" in folded
    calm = render(report.model_copy(update={"alarms": ()}))
    assert 'id="alarms"' not in calm
    assert "No alarm: better than every baseline are criteria in macro-F1, share in macro-F1 and token-F1, " in calm


def test_no_sentence_names_a_metric_that_an_agent_does_not_have(report):
    spans_only = [c for c in report.comparisons if c.first == "evidence"]
    assert {each.metric for each in spans_only} == {"token_f1"}
    one = report.model_copy(update={"comparisons": tuple(c for c in report.comparisons if c.first == "criteria"), "alarms": ()})
    assert no_alarm(one) == "No alarm: better than every baseline are criteria in macro-F1."
    assert no_alarm(report.model_copy(update={"comparisons": ()})) is None


def test_an_agent_that_is_worse_has_a_sentence_that_says_so(report):
    worse = tuple(each.model_copy(update={"worse": True}) for each in report.alarms[:1])
    assert alarms(report.model_copy(update={"alarms": worse}))[0].startswith("joint is worse than all_positive (")


def test_what_is_missing_derived_or_left_out_is_noted(report):
    found = notes(report.model_copy(update={"missing": ("joint",)}))
    assert found == [
        "joint has no refit on these data. It is not in this report.",
        "evidence predicts only spans: a criterion with a predicted span counts as met, and these figures of criteria are compared with no "
        "other system's.",
        "12 pairs are left out of every evidence metric: their evidence is annotated, but its place is unknown.",
    ]
    flat = tuple(each.model_copy(update={"temperature": 20.0}) for each in report.decisions[:1])
    few = tuple(each.model_copy(update={"permutations": 20}) for each in report.comparisons)
    found = notes(report.model_copy(update={"decisions": flat, "comparisons": few, "untuned_winners": ("evidence",)}))
    (note,) = [note for note in found if "are one model" in note]
    assert note == "evidence and untuned_evidence are one model: the search found nothing better than its first trial."
    assert any(note.startswith("criteria: its temperature is 20, the highest there is.") for note in found)
    assert any(note.startswith("With 20 permutations and ") and "raise report.permutations" in note for note in found)


def test_an_agent_that_predicts_nothing_is_noted(report):
    silent = []
    for each in report.evaluations:
        micro = each.criterion and each.criterion.micro.model_copy(update={"predicted": 0})
        silent.append(each.model_copy(update={"criterion": each.criterion and each.criterion.model_copy(update={"micro": micro})}))
    found = notes(report.model_copy(update={"evaluations": tuple(silent)}))
    assert "evidence predicts no span in any test post." in found
    assert [note for note in found if "share finds no criterion in any test post: no probability reaches its threshold." in note]
    assert not [note for note in found if note.startswith(("majority", "all_positive"))], "baselines are no agents"


def test_the_page_is_whole_in_itself_and_the_same_each_time(report, html, page):
    assert page.loaded == []
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert "@import" not in html[html.index("<style>") : html.index("</style>")]
    assert len(page.ids) == len(set(page.ids))
    assert html.count("* plotly.js (basic - minified)") == 1 and "Permission is hereby granted, free of charge" in html
    assert len(html.encode()) < 2_000_000
    assert render(report) == render(report)


def test_headings_are_in_order_and_every_figure_is_named(page):
    assert page.headings[0] == "h1"
    assert page.headings.count("h1") == 1
    levels = [int(heading[1]) for heading in page.headings]
    assert all(later - earlier <= 1 for earlier, later in zip(levels, levels[1:], strict=False))
    figures = {"figure-criteria", "figure-comparison", "figure-reliability_share", "figure-errors_joint", "search-1-1"}
    assert figures <= set(page.ids)


def test_the_page_lists_the_limits(page):
    assert "They are not a diagnostic device" in page.text
    assert "by bootstrap (2,000 resamples)" in page.text
    assert "223 posts, 220 clusters" in page.text
    assert "Rare criteria have wide intervals" in page.text


def test_ids_of_any_form_are_shown_to_the_letter(report):
    nasty = "</script><b>&amp;_x</b>"
    evaluations = []
    for each in report.evaluations:
        if each.criterion is not None:
            scores = {nasty: each.criterion.macro}
            each = each.model_copy(update={"criterion": each.criterion.model_copy(update={"per_criterion": scores})})
        evaluations.append(each)
    html = render(report.model_copy(update={"evaluations": tuple(evaluations)}))
    assert nasty not in html
    assert (nasty, "Support") in table(Page(html), "F1 of each criterion")


def test_a_report_without_systems_is_a_page_that_states_it(report):
    nothing = dict.fromkeys(("evaluations", "comparisons", "alarms", "seeds", "selections", "stages"), ())
    page = Page(render(report.model_copy(update=nothing)))
    assert "No agent that predicts criteria was evaluated." in page.text
    assert "No alarm" not in page.text
    assert "No stage was recorded." in page.text


@needs_browser
def test_the_page_fits_a_phone_with_every_part_open(html, tmp_path, browser):
    (tmp_path / "report.html").write_text(html.replace("<details", "<details open"), encoding="utf-8")
    browser.open(tmp_path / "report.html", width=360, height=800)
    assert browser.run("document.scrollingElement.scrollWidth") <= 360
    assert browser.run('document.querySelectorAll(".main-svg").length') > 10
    assert browser.run("[...document.querySelectorAll('.scroll')].every(e => e.matches('.scrolls') == e.scrollWidth > e.clientWidth + 1)")
    assert browser.run("document.querySelectorAll('.scrolls').length") > 10
    assert browser.requested() == browser.complaints() == []


def test_choices_are_shown_with_and_without_and_each_criterion_names_its_threshold(report, page):
    caption = "On test: each metric without the choice, with it, and the difference; for ECE and Brier less is better"
    head, *rows = page.tables[caption]
    assert head == ["Agent and choice", "Metric", "Without", "With", "Difference"] and len(rows) == len(report.gains)
    gain = next(each for each in report.gains if each.agent == "share" and each.criterion == "DEPRESSED_MOOD")
    (row,) = (row for row in rows if row[:2] == ["share, thresholds by criterion", "F1 of DEPRESSED_MOOD"])
    shown = (estimate_text(each.value, each.low, each.high) for each in (gain.without, gain.chosen, gain.difference))
    assert row[2:] == list(shown)
    found = cells(page.tables["Thresholds of share"])
    assert found["WORTHLESSNESS", "Chosen on"] == "this criterion" and found["WORTHLESSNESS", "Threshold"] == "0.550"
    assert found["PSYCHOMOTOR", "Chosen on"] == "all criteria" and found["PSYCHOMOTOR", "Positive and held out"] == "5"
    assert "Bins of share, before calibration" in page.tables and "Bins of joint, before calibration" not in page.tables


def test_reliability_has_the_agents_that_predict_probabilities_alone(report, page):
    assert "figure-reliability_share" in page.ids and "figure-reliability_evidence" not in page.ids
    spans_only = tuple(each for each in report.evaluations if each.name == "evidence")
    assert "No agent predicts probabilities." in render(report.model_copy(update={"evaluations": spans_only}))


def test_a_report_without_choices_states_it(report):
    html = render(report.model_copy(update={"gains": (), "decisions": ()}))
    assert "so there is nothing to calibrate; where evidence is predicted, its only threshold is part of the decoding rule" in html
    assert "On test: each metric without the choice" not in html
    assert "No agent has a temperature" in render(report.model_copy(update={"gains": ()}))


def test_an_ensemble_stands_with_what_it_buys_and_what_it_costs(report, page):
    start = "Ensemble minus the single winner, on the same test pairs; paired permutation test by post"
    (rows,) = [rows for caption, rows in page.tables.items() if caption.startswith(start)]
    assert [row[:2] for row in rows[1:]] == [
        ["share, of its seeds", "macro-F1"], ["share, of its seeds", "token-F1"], ["criteria, of the best candidates", "macro-F1"],
    ]  # fmt: skip
    assert rows[1][2:] == ["0.021 [-0.004, 0.050]", "0.080", ""]
    found = cells(page.tables["Costs: training of all members one after another, and prediction of the test split, in seconds"])
    assert (found["share, ensemble", "Training"], found["share, single winner", "Training"]) == ("650.0", "130.0")
    assert (found["share, ensemble", "Members"], found["share, single winner", "Megabytes"]) == ("5", "91.0")
    assert "no ensemble was requested" in render(report.model_copy(update={"ensembles": ()}))


def test_the_agreement_of_annotators_is_a_ceiling_beside_the_agents(report):
    value = {"value": 0.71, "low": 0.6, "high": 0.8}
    each = {"posts": 40, "met_by_any": 9, "alpha": value, "f1": value}
    of_criteria = dict.fromkeys(report.evaluations[0].criterion.per_criterion, each)
    figures = {
        "annotators": 3, "posts": 90, "posts_of_several": 40, "criteria": of_criteria, "mean_alpha": None, "mean_f1": value,
    }  # fmt: skip
    agreed = report.model_copy(update={"annotators": AnnotatorFigures.model_validate(figures)})
    assert "one annotator against another" not in report_page(report, {}, {})
    page = report_page(agreed, {}, {})
    assert "The 3 annotators agree with each other with a macro-F1 of 0.710 [0.600, 0.800], on the 40 posts" in page
    assert page.count("one annotator against another") == 1
    marked = agreed.annotators.model_copy(update={"evidence_pairs": 7, "token_f1": agreed.annotators.mean_f1})
    page = report_page(agreed.model_copy(update={"annotators": marked}), {}, {})
    assert "and on evidence with a token-F1 of 0.710 [0.600, 0.800]" in page
    assert table(Page(page), "Every evidence metric")["token-F1", "one annotator against another"] == "0.710 [0.600, 0.800]"
