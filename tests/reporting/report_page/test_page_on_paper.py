"""The report on paper: what is open is printed whole, on the width of a page and without colours behind it."""

import pytest
from support.browser import needs_browser

from psy_agents.reporting.report_page.figures import report_figures
from psy_agents.reporting.report_page.page import report_page

A4 = 718
"""Pixels between the margins that a browser gives a page."""


@needs_browser
@pytest.mark.parametrize("parts", ["as it opens", "every part open"])
def test_no_table_is_wider_than_a_page(report, tmp_path, browser, parts):
    html = report_page(report, report_figures(report), {})
    (tmp_path / "report.html").write_text(html.replace("<details", "<details open") if parts == "every part open" else html, "utf-8")
    browser.open(tmp_path / "report.html", width=A4, dark=True, media="print")
    wide = "[...document.querySelectorAll('table')].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.tHead.innerText)"
    assert browser.run(wide) == []
    assert browser.run("['nav', '#alarms'].map(e => getComputedStyle(document.querySelector(e)).display)") == ["none", "block"]
    assert browser.run("['body', '.alarms', '.notes'].map(e => getComputedStyle(document.querySelector(e)).backgroundColor)") == [
        "rgb(255, 255, 255)"
    ] * 3
    assert browser.complaints() == []
