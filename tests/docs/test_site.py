"""The documentation builds without a warning, every link leads somewhere, and its pages load nothing from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^ *```.*?^ *```", re.M | re.S)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}


class Page(HTMLParser):
    """The ids, links and loaded files of a built page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.add(given["id"])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in LOADED and given.get(LOADED[tag]):
            self.loaded.append(given[LOADED[tag]])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def built_from(document: Path, site: Path) -> Path:
    """The page of a document."""
    return site / document.relative_to(DOCS).with_suffix(".html")


def broken(link: str, page: Path, pages: dict[Path, Page]) -> str | None:
    """What is wrong with a link of a built page; None of one to another site."""
    if urlsplit(link).scheme:
        return None
    target, anchor = urldefrag(link)
    path = page if not target else (page.parent / unquote(target)).resolve()
    if not path.is_file():
        return f"{page.name}: {link} leads nowhere"
    if anchor and path in pages and unquote(anchor) not in pages[path].ids:
        return f"{page.name}: {link} has no such place"
    return None


def test_every_link_of_the_site_leads_to_a_page_and_a_place(pages):
    # The page for missing pages has links from the root of a server.
    links = [(link, page) for page, content in pages.items() if page.name != "404.html" for link in content.links]
    assert [problem for link, page in links if (problem := broken(link, page, pages))] == []
    assert sum("#" in link for link, _ in links) > 100


@pytest.mark.parametrize("link", ["nowhere.html", "search.html#no-such-place", "#no-such-place"])
def test_a_broken_link_would_be_seen(link, site, pages):
    assert broken(link, site / "index.html", pages) is not None


def test_the_search_needs_no_server(site):
    """A page on the disk may load a script, but neither start the search plugin's worker nor fetch its index."""
    index = (site / "search" / "index.js").read_text(encoding="utf-8")
    assert index.startswith("const SEARCH_INDEX = [[") and "reference/configuration.html#hpostage0" in index
    page = (site / "index.html").read_text(encoding="utf-8")
    assert "assets/pages.js" in page and "search/main.js" not in page and 'id="mkdocs-search-query"' in page


def test_every_document_has_a_page(site):
    missing = [path for path in DOCS.rglob("*.md") if not built_from(path, site).is_file()]
    assert missing == []


def test_pages_load_nothing_from_elsewhere(site, pages):
    loaded = [address for page in pages.values() for address in page.loaded]
    assert len(loaded) > 10
    assert [address for address in loaded if urlsplit(address).netloc] == []
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def markdown_links(path: Path) -> list[str]:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return [link for link in LINK.findall(text) if not urlsplit(link).scheme]


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *DOCS.rglob("*.md")], ids=lambda path: path.name)
def test_every_link_of_the_files_themselves_leads_somewhere(path, site, pages):
    """As they are read in the repository, where the built pages are not there."""
    for link in markdown_links(path):
        target, anchor = urldefrag(link)
        file = path if not target else (path.parent / target).resolve()
        assert file.exists(), link
        if anchor and file.is_relative_to(DOCS):
            assert anchor in pages[built_from(file, site)].ids, link
        elif anchor:
            assert anchor in headings(file), link


def headings(path: Path) -> set[str]:
    """The places of a file's headings, by the rule of repositories' pages."""
    titles = re.findall(r"^#+ +(.+?) *$", FENCE.sub("", path.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_parameters_stand_on_the_built_page_and_formulas_are_mathml(site):
    built = (site / "reference" / "configuration.html").read_text(encoding="utf-8")
    assert 'id="hpostage0"' in built and "negative_ratio" in built
    metrics = (site / "reference" / "metrics.html").read_text(encoding="utf-8")
    written = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert metrics.count("<math") == written.count("```math") > 5
