"""The page of evidence as a reader has it: filters and their counts, keys, a phone, light and dark, on paper."""

import json

import pandas as pd
import pytest
from support.browser import needs_browser
from support.reporting.evidence_predictions import CANARY, CRITERIA, POSTS, SENTENCES, predictions_and_texts
from support.waiting import wait_for

from psy_agents.corpus.fingerprint import hashed_id
from psy_agents.reporting.config import EvidencePageConfig
from psy_agents.reporting.evidence_page.page import evidence_page

pytestmark = needs_browser

# The least contrast of a text, or of a line that says what is marked, with what is behind it (WCAG 2.2, 1.4.3 and 1.4.11).
CONTRAST = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const parts = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = parts(getComputedStyle(node).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const ratio = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const found = {text: [99], line: [99]};
  for (const node of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(node);
    if (!node.offsetWidth || node.closest("script")) continue;
    if ([...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())) {
      found.text.push([ratio(parts(style.color), behind(node)), node.outerHTML.slice(0, 80)]);
    }
    if (node.matches("mark")) found.line.push([ratio(parts(style.borderBottomColor), behind(node.parentElement)), node.className]);
    if (node.matches(".bar")) found.line.push([ratio(parts(style.borderTopColor), behind(node)), node.parentElement.className]);
  }
  const least = pairs => pairs.slice(1).sort((a, b) => a[0] - b[0])[0];
  return {text: least(found.text), line: least(found.line), texts: found.text.length};
})()"""
STATE = """({
  status: document.getElementById("status").textContent,
  counts: Object.fromEntries([...document.querySelectorAll(".count")].map(each => [each.id.slice(6), Number(each.textContent)])),
  posts: document.querySelectorAll("article").length,
  pairs: [...document.querySelectorAll("article h4")].map(each => each.textContent),
  focus: [document.activeElement.tagName, document.activeElement.id, document.activeElement.name || ""].join(" ").trim(),
})"""


def written(folder, **config):
    table, texts = predictions_and_texts()
    page = evidence_page("share", table, texts, CRITERIA, "salt", EvidencePageConfig(**config))
    file = folder / ("with_text.html" if page.reveals_text else "redacted.html")
    file.write_text(page.html, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The redacted page and the one with text."""
    folder = tmp_path_factory.mktemp("pages")
    return [written(folder, reveal_text=reveal) for reveal in (False, True)]


@pytest.fixture
def opened(browser, pages):
    browser.open(pages[1])
    return browser


def choose(browser, criterion):
    browser.run(f"choice.value = {criterion!r}; choice.dispatchEvent(new Event('change', {{bubbles: true}}))")


def test_the_filters_choose_pairs_and_every_count_follows(opened):
    state = opened.run(STATE)
    # 4 posts of each number; the posts numbered 2 have two such pairs.
    assert state["status"] == "28 pairs of 120 in 24 posts of 40. Spans in them: 12 right, 12 missed, 12 wrong."
    assert state["counts"] == {"right": 12, "missed": 12, "wrong": 12, "neither": 92, "unknown": 4}
    choose(opened, "1")
    state = opened.run(STATE)
    assert state["status"] == "8 pairs of 40 in 8 posts of 40. Spans in them: 4 right, 4 missed, 4 wrong."
    assert state["counts"] == {"right": 4, "missed": 4, "wrong": 4, "neither": 32, "unknown": 0}
    assert set(state["pairs"]) == {"APPETITE"} and state["posts"] == 8
    for name in ("right", "wrong", "unknown"):
        opened.run(f"document.querySelector('input[name={name}]').click()")
    state = opened.run(STATE)
    assert state["status"] == "4 pairs of 40 in 4 posts of 40. Spans in them: 0 right, 4 missed, 4 wrong."
    assert opened.run("[...choice.options].map(each => each.textContent)") == [
        "All criteria", "SLEEP (4)", "APPETITE (4)", "A<b>&_x (4)",
    ]  # fmt: skip
    opened.run("document.querySelector('input[name=missed]').click()")
    state = opened.run(STATE)
    assert state["status"].startswith("0 pairs of 40 in 0 posts of 40.") and state["posts"] == 0
    assert opened.run("list.textContent") == "No pair of a post and a criterion is of this kind."
    assert opened.complaints() == opened.requested() == []


def test_marks_hold_the_spans_and_a_post_stays_text(opened):
    opened.run("document.querySelectorAll('#filters input[name]').forEach(box => box.checked && box.name !== 'right' && box.click())")
    choose(opened, "2")
    marks = opened.run(
        "[...document.querySelector('article').querySelectorAll('mark')].map(mark => [mark.className, mark.lastChild.textContent])"
    )
    assert [kind for kind, _ in marks] == ["annotated", "both", "predicted"]
    assert marks[0][1].startswith(SENTENCES[0].partition("{")[0] + CANARY)
    assert [text for _, text in marks[1:]] == SENTENCES[1:]
    assert opened.run("document.querySelectorAll('.text b, .text script, h4 b').length") == 0
    styles = opened.run("[...document.querySelectorAll('article mark')].slice(0, 3).map(m => getComputedStyle(m).borderBottomStyle)")
    assert styles == ["solid", "double", "dashed"]
    assert opened.run("document.querySelector('article .tag').textContent") == "annotated"


def test_a_redacted_post_is_bars(browser, pages):
    browser.open(pages[0])
    bars = browser.run("[...document.querySelectorAll('article .pair')].map(pair => pair.querySelectorAll('.bar').length)")
    assert set(bars) == {4}  # 17 or 18 words
    assert CANARY not in browser.run("document.documentElement.outerHTML")
    assert browser.run("document.querySelector('.text .spoken').textContent") != ""
    assert browser.complaints() == browser.requested() == []


def test_every_control_is_reached_by_tab_in_its_order_and_shows_it(opened):
    reached = []
    for _ in range(11):
        opened.press("Tab")
        reached.append(opened.run(STATE)["focus"])
        assert opened.run("getComputedStyle(document.activeElement).outlineWidth") == "3px", reached
    outcomes = [f"INPUT  {name}" for name in ("right", "missed", "wrong", "neither", "unknown")]
    assert reached[0] == "A" and opened.run("document.querySelector('a').textContent") == "Skip to the posts"
    assert reached[1] == "SUMMARY"
    assert reached[2:9] == [*outcomes, "SELECT criterion", "INPUT keys"]
    assert reached[9:11] == ["BUTTON export", "BUTTON more"]
    opened.run("document.querySelector('input[name=right]').focus()")
    opened.press(" ")
    assert opened.run(STATE)["status"].startswith("20 pairs of 120")


def test_the_skip_link_is_seen_when_it_has_the_focus_and_leads_to_the_posts(opened):
    place = "document.querySelector('.skip').getBoundingClientRect().left"
    assert opened.run(place) < 0
    opened.press("Tab")
    assert opened.run(place) == 0
    opened.press("Enter")
    assert opened.run(STATE)["focus"] == "H2 posts"


def test_keys_go_from_post_to_post_and_draw_more(opened):
    number = "Number(document.activeElement.querySelector('h3').id.slice(5))"
    opened.press("j")
    assert opened.run(number) == 0
    opened.press("j", "j", "k")
    assert opened.run(number) == 1
    assert opened.run("document.activeElement.getBoundingClientRect().top") >= 0
    assert opened.run(STATE)["posts"] == 20
    opened.press(*"j" * 30)
    assert opened.run(number) == 23, "the last one"
    assert opened.run(STATE)["posts"] == 24 and opened.run("more.hidden")
    opened.press("4")
    assert opened.run("boxes[3].checked") and opened.run(STATE)["status"].startswith(f"120 pairs of 120 in {POSTS} posts")
    opened.press("c")
    assert opened.run(STATE)["focus"] == "SELECT criterion"
    opened.press("1")
    assert opened.run("boxes[0].checked"), "keys belong to the list of criteria while it has the focus"


def test_keys_go_from_mistake_to_mistake_and_each_has_the_wording_beside_it(opened):
    pair = "[document.activeElement.className, document.activeElement.querySelector('.wording').textContent]"
    opened.run("boxes[3].click()")
    opened.press("n")
    assert opened.run(pair)[0] == "pair mistake" and opened.run(pair)[1] in list(CRITERIA.values())[1:], "the posts with two mistakes"
    opened.press("n", "n", "p")
    assert opened.run("[...list.querySelectorAll('.mistake')].indexOf(document.activeElement)") == 1
    opened.press(*"n" * 40)
    mistakes = opened.run("[list.querySelectorAll('.mistake').length, list.querySelectorAll('article').length]")
    assert mistakes == [16, POSTS], "the last mistake is followed by nothing, and all posts were drawn to look"
    assert opened.run("[...list.querySelectorAll('.mistake')].at(-1) === document.activeElement")
    opened.press("j")
    assert opened.run("document.activeElement.tagName") == "ARTICLE"


@pytest.mark.parametrize("reveal", [False, True])
def test_the_shown_pairs_are_saved_as_csv_with_hashed_ids_and_with_text_only_from_the_private_page(browser, pages, reveal, tmp_path):
    browser.open(pages[reveal])
    choose(browser, "2")
    browser.ask("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.run("at('export').click()")
    wait_for(lambda: list(tmp_path.glob("*.csv")))
    table = pd.read_csv(tmp_path / "Evidence_share.csv", keep_default_na=False)
    _, texts = predictions_and_texts()
    ids = {hashed_id(post_id, "salt"): post_id for post_id in texts}
    assert len(table) == 4 and set(table["post"]) <= set(ids) and set(table["criterion"]) == {list(CRITERIA)[2]}
    assert table["wording"].unique().tolist() == [list(CRITERIA.values())[2]]
    assert table[["annotated", "predicted", "right", "missed", "wrong", "unknown"]].to_numpy().tolist() == [[1, 1, 1, 1, 1, 0]] * 4
    assert set(table["new_label"]) == set(table["comment"]) == {""}
    if not reveal:
        assert "text" not in table and table["unit"].unique().tolist() == ["bars"] and CANARY not in table.to_csv()
        return
    for row in table.to_dict("records"):
        text = texts[ids[row["post"]]]
        assert row["text"] == text.replace("\r\n", "\n")
        start, end = json.loads(row["predicted_spans"])[0]
        assert text[start:end] == SENTENCES[1]


def test_single_keys_can_be_switched_off(opened):
    opened.run("keys.click()")
    opened.press("j", "1")
    assert opened.run("boxes[0].checked") and opened.run(STATE)["focus"] != "ARTICLE"


def test_more_posts_come_by_a_button_that_hands_the_focus_on(opened):
    assert opened.run("more.textContent") == "Show 4 more posts of 4"
    opened.run("more.focus()")
    opened.press("Enter")
    assert opened.run(STATE)["posts"] == 24
    assert opened.run("document.activeElement.querySelector('h3').id") == "post-20"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("reveal", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_its_window_and_can_be_read_in_light_and_dark(browser, pages, width, reveal, dark):
    browser.open(pages[reveal], width=width, dark=dark)
    browser.run("boxes[3].click(); document.querySelector('details').open = true")
    assert browser.run("document.scrollingElement.scrollWidth") <= width
    least = browser.run(CONTRAST)
    assert least["texts"] > 100
    assert least["text"][0] >= 4.5, least["text"]
    assert least["line"][0] >= 3, least["line"]
    background = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") != dark


def test_on_paper_all_posts_that_are_shown_stand_without_controls(browser, pages):
    browser.open(pages[1], dark=True, media="print")
    browser.ask("Page.printToPDF")
    state = browser.run(STATE)
    assert state["posts"] == 24
    assert browser.run("['form', '#more', '.skip', 'details'].map(each => getComputedStyle(document.querySelector(each)).display)") == [
        "none"
    ] * 4
    assert browser.run(CONTRAST)["text"][0] >= 4.5
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_parts_are_named_for_those_who_do_not_see_them(opened):
    assert opened.run("[...document.querySelectorAll('h1, h2, h3, h4')].map(each => Number(each.tagName[1]))")[:6] == [1, 2, 2, 2, 3, 4]
    assert opened.run("document.getElementById('status').getAttribute('role')") == "status"
    named = "[...document.querySelectorAll('input, select')].every(each => each.labels.length === 1 && each.labels[0].textContent.trim())"
    assert opened.run(named)
    assert opened.run("[...document.querySelectorAll('article')].every(each => at(each.getAttribute('aria-labelledby')))")
    assert opened.run("document.documentElement.lang") == "en"
