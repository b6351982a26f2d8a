"""The site's own scripts: its search, and its choice of colours."""

from urllib.parse import urlsplit

from support.browser import Browser, needs_browser
from support.waiting import wait_for

pytestmark = needs_browser


def test_a_page_in_a_folder_searches_and_takes_its_readers_colours(site, tmp_path):
    with Browser(tmp_path / "user") as browser:
        browser.open(site / "how_to" / "gpu.html")
        search = "query => { query.value = 'confirming seeds'; query.dispatchEvent(new Event('input')); }"
        browser.run(f"({search})(document.getElementById('mkdocs-search-query'))")  # Loads the index, and then searches.
        links = "[...document.querySelectorAll('#mkdocs-search-results a')].map(link => link.href)"
        wait_for(lambda: browser.run(links), patience=120)
        assert all(link.startswith(site.as_uri()) for link in browser.run(links))
        for colours in ("dark", "light"):
            browser.run(f"document.querySelector('[data-bs-theme-value={colours}]').click()")
            assert browser.run("document.documentElement.dataset.bsTheme") == colours
        assert browser.complaints() == []
        assert {urlsplit(address).scheme for address in browser.requested()} == {"file"}


def test_every_page_fits_a_phone(site, tmp_path):
    with Browser(tmp_path / "user") as browser:
        wide = {}
        for page in sorted(site.rglob("*.html")):
            browser.open(page, width=400, height=800)
            width = browser.run("document.scrollingElement.scrollWidth")
            if width > 400:
                wide[page.name] = width
    assert wide == {}
