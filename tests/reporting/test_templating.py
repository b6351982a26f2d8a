"""Templates lay pages out: no markup is built in Python, values are escaped, and every template is packaged."""

import re
import tomllib
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs_version

from psy_agents.reporting.page_parts import Table
from psy_agents.reporting.templating import render, thousands

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "psy_agents"
MARKUP = re.compile(r"</?(article|div|dl|figure|figcaption|form|h[1-6]|header|html|li|main|p|script|section|span|table|td|th|tr|ul)\b")


@pytest.mark.parametrize("folder", ["release", "reporting"])
def test_no_markup_is_built_in_python(folder):
    files = sorted((PACKAGE / folder).rglob("*.py"))
    assert files
    assert [(file.name, found[0]) for file in files if (found := MARKUP.search(file.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize("package", ["release", "reporting"])
def test_every_template_belongs_to_the_package_data(package):
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    templates = sorted((PACKAGE / package).rglob("templates/*"))
    assert templates
    packaged = {file for pattern in patterns[f"psy_agents.{package}"] for file in (PACKAGE / package).glob(pattern)}
    assert set(templates) <= packaged


def test_the_part_of_plotly_js_is_of_the_version_that_plotly_writes_for():
    script = (PACKAGE / "reporting" / "plotly_basic" / "plotly-basic.min.js").read_text(encoding="utf-8")
    assert script.startswith(f"/**\n* plotly.js (basic - minified) v{get_plotlyjs_version()}\n")


def test_values_are_escaped():
    texts = {"title": "Title", "headline": "<b>&", "notes": ["<i>"], "nothing_noted": ""}
    page = render("psy_agents.reporting", "sections.html", **texts, sections={})
    assert "&lt;b&gt;&amp;" in page and "&lt;i&gt;" in page and "<b>" not in page and "<i>" not in page


def test_columns_of_numbers_are_known_by_their_cells():
    rows = [["a", 1234, "0.412 [0.351, 0.470]", "12.0 %", "1 of 2"], ["b", None, "<0.001", "-0.5", "–"]]
    assert Table("t", list("abcde"), rows).numeric == [False, True, True, True, False]
    assert [thousands(cell) for cell in (1234, None, "1234")] == ["1,234", "", "1234"]
